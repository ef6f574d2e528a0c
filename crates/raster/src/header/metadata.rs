//! GDAL's own tags: the nodata value as text, and scale, offset and description of bands as a little XML.
//!
//! The XML is the flat list of `<Item>` elements that GDAL writes; anything else in it is skipped, not an error,
//! because no pixel depends on it.

use super::BandInfo;

/// The nodata value of tag 42113.
pub(super) fn nodata(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "-nan" | "nan" | "1.#qnan" | "-1.#qnan" | "-1.#ind" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// What tag 42112 says of each of `bands` bands.
pub(super) fn band_info(xml: &str, bands: u16) -> Vec<BandInfo> {
    let mut info = vec![BandInfo::default(); usize::from(bands)];
    for item in xml.split("<Item ").skip(1) {
        let Some((attributes, rest)) = item.split_once('>') else { continue };
        let text = unescape(rest.split_once("</Item>").map_or("", |(text, _)| text));
        let band = attribute(attributes, "sample")
            .and_then(|sample| sample.parse().ok())
            .and_then(|sample: usize| info.get_mut(sample));
        let Some(band) = band else { continue };
        match attribute(attributes, "role") {
            Some("scale") => band.scale = text.trim().parse().ok(),
            Some("offset") => band.offset = text.trim().parse().ok(),
            Some("description") => band.description = text,
            _ => {}
        }
    }
    info
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = attributes.split_once(&format!("{name}=\""))?;
    value.split_once('"').map(|(value, _)| value)
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodata_is_read_as_gdal_writes_it() {
        assert_eq!(nodata("0"), Some(0.0));
        assert_eq!(nodata(" -9999.5 "), Some(-9999.5));
        assert!(nodata("nan").is_some_and(f64::is_nan));
        assert_eq!(nodata("-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(nodata("none"), None);
    }

    #[test]
    fn items_go_to_their_band() {
        let xml = r#"<GDALMetadata>
            <Item name="SCALE" sample="1" role="scale">0.0001</Item>
            <Item name="OFFSET" sample="1" role="offset">1000</Item>
            <Item name="DESCRIPTION" sample="0" role="description">Green &amp; blue &amp;lt;</Item>
            <Item name="AREA">whole file</Item><Item name="X" sample="9" role="scale">3</Item></GDALMetadata>"#;
        let info = band_info(xml, 2);
        assert_eq!(info[0].description, "Green & blue &lt;");
        assert_eq!((info[1].scale, info[1].offset), (Some(0.0001), Some(1000.0)));
        assert_eq!((info[0].scale, info[0].offset), (None, None));
    }
}
