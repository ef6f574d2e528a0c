//! Sizes and places of pictures.

use super::*;

#[test]
fn extensions_are_told_from_decimals() {
    assert_eq!(split_extension("1,2,3,4.5"), ("1,2,3,4.5", None));
    assert_eq!(split_extension("1,2,3,4.5.png"), ("1,2,3,4.5", Some("png")));
    assert_eq!(split_extension("preview.tif"), ("preview", Some("tif")));
    assert_eq!(split_extension("300x200"), ("300x200", None));
}

#[test]
fn sizes_and_boxes_are_checked() {
    assert_eq!(
        size("300x200.npy").unwrap(),
        Wanted { width_px: Some(300), height_px: Some(200), format: Some(Format::Npy) }
    );
    assert_eq!(size("0x5").unwrap(), Wanted { height_px: Some(5), ..Wanted::default() });
    for bad in ["5x", "x", "5", "5x5x5", "9999x5", "5x5.gif", "-1x5"] {
        assert_eq!(size(bad).unwrap_err().status(), 400, "{bad}");
    }
    assert_eq!(bounds("-1.5,2,3,4e0", None).unwrap(), Bounds::new(-1.5, 2.0, 3.0, 4.0));
    assert_eq!(bounds("179,2,-178,4", Some(360.0)).unwrap(), Bounds::new(179.0, 2.0, 182.0, 4.0));
    for bad in ["1,2,3", "3,2,1,4", "1,2,x,4", "nan,2,3,4", ""] {
        assert_eq!(bounds(bad, None).unwrap_err().status(), 400, "{bad}");
    }
    for bad in ["179,4,-178,2", "1,2,1,4", "400,2,10,4"] {
        assert_eq!(bounds(bad, Some(360.0)).unwrap_err().status(), 400, "{bad}");
    }
}
