//! GDAL's own tags: the nodata value as text, and scale, offset, description and other items of bands as a little XML.
//!
//! The XML is the flat list of `<Item>` elements that GDAL writes; anything else in it is skipped, not an error,
//! because no pixel depends on it.

use super::BandInfo;

/// The nodata value of tag 42113.
pub(super) fn nodata(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "-nan" | "nan" | "1.#qnan" | "-1.#qnan" | "-1.#ind" => Some(f64::NAN),
        _ => text.split_whitespace().next().and_then(leading_number),
    }
}

/// Longest text that is looked through for a number.
const MAX_NUMBER_BYTES: usize = 64;

/// The number that a word begins with, as GDAL reads it: writers list one for each band, with or without spaces, and
/// some have commas for points.
fn leading_number(word: &str) -> Option<f64> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    let with_point = if word.contains('.') { word.to_owned() } else { word.replacen(',', ".", 1) };
    let ends = (1..=with_point.len().min(MAX_NUMBER_BYTES)).rev();
    // No word that begins as one for infinity does is a number.
    ends.filter_map(|end| with_point.get(..end)?.parse().ok()).find(|number: &f64| number.is_finite())
}

/// Most bytes that the names and texts of the items of all bands may take; those that come after are not kept.
const MAX_ITEM_BYTES: usize = 1 << 20;

/// Bytes that an item counts beside its name and text, so that empty ones are bounded too.
const BYTES_PER_ITEM: usize = 64;

/// What tag 42112 says of each of `bands` bands. Items of other domains than the default are not told.
pub(super) fn band_info(xml: &str, bands: u16) -> Vec<BandInfo> {
    let mut info = vec![BandInfo::default(); usize::from(bands)];
    let mut item_bytes = 0;
    for item in xml.split("<Item ").skip(1) {
        let Some((attributes, rest)) = item.split_once('>') else { continue };
        let text = rest.split_once("</Item>").map_or("", |(text, _)| text).trim_start();
        // GDAL escapes a text once itself and once as XML.
        let text = unescape(&unescape(text));
        let band = attribute(attributes, "sample")
            .and_then(|sample| sample.parse().ok())
            .and_then(|sample: usize| info.get_mut(sample));
        let Some(band) = band else { continue };
        match attribute(attributes, "role") {
            Some("scale") => band.scale = text.trim().parse().ok(),
            Some("offset") => band.offset = text.trim().parse().ok(),
            Some("description") => band.description = text,
            Some("colorinterp") => band.is_alpha = Some(text.trim().eq_ignore_ascii_case("alpha")),
            Some("unittype") => {}
            _ => {
                let is_told = attribute(attributes, "domain").unwrap_or_default().is_empty();
                let name = attribute(attributes, "name").filter(|_| is_told && !text.is_empty());
                let Some(name) = name.map(unescape) else { continue };
                item_bytes += name.len() + text.len() + BYTES_PER_ITEM;
                if item_bytes <= MAX_ITEM_BYTES {
                    band.items.insert(name, text);
                }
            }
        }
    }
    info
}

/// The alpha band, counted from 0: what the tags say of it, unless the metadata say otherwise, as GDAL has it. A band
/// that there is nothing beside is shown, whatever it is declared as.
pub(super) fn alpha_band(info: &[BandInfo], by_tags: Option<u16>) -> Option<u16> {
    let named = info.iter().position(|band| band.is_alpha == Some(true)).and_then(|index| u16::try_from(index).ok());
    let denied = |index: &u16| info.get(usize::from(*index)).is_some_and(|band| band.is_alpha == Some(false));
    named.filter(|_| info.len() > 1).or(by_tags.filter(|index| !denied(index)))
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
        assert_eq!(["none", "info", "nanometers"].map(nodata), [None; 3]);
        // GDAL 3.6's answers.
        for (text, value) in
            [("-9999 -9999", -9999.0), ("-9999,0", -9999.0), ("-9999,-9999", -9999.0), ("0,5", 0.5), ("1e3x", 1e3)]
        {
            assert_eq!(nodata(text), Some(value), "{text}");
        }
    }

    #[test]
    fn items_go_to_their_band() {
        let xml = r#"<GDALMetadata>
            <Item name="SCALE" sample="1" role="scale">0.0001</Item>
            <Item name="OFFSET" sample="1" role="offset">1000</Item>
            <Item name="DESCRIPTION" sample="0" role="description">Green &amp;amp; blue &amp;lt;</Item>
            <Item name="UNITTYPE" sample="0" role="unittype">dB</Item>
            <Item name="WAVE &quot;1&quot;" sample="0">  0.031 &amp;lt; </Item><Item name="NONE" sample="0"></Item>
            <Item name="HIDDEN" sample="0" domain="OTHER">1</Item>
            <Item name="AREA">whole file</Item><Item name="X" sample="9" role="scale">3</Item></GDALMetadata>"#;
        let info = band_info(xml, 2);
        // Twice escaped, as GDAL writes it.
        assert_eq!(info[0].description, "Green & blue <");
        let items: Vec<_> = info[0].items.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(items, [("WAVE \"1\"", "0.031 < ")]);
        assert!(info[1].items.is_empty());
        assert_eq!((info[1].scale, info[1].offset), (Some(0.0001), Some(1000.0)));
        assert_eq!((info[0].scale, info[0].offset), (None, None));
    }

    #[test]
    fn metadata_say_which_band_is_alpha() {
        let item = |band: usize, color: &str| {
            format!("<Item name=\"COLORINTERP\" sample=\"{band}\" role=\"colorinterp\">{color}</Item>")
        };
        let alpha = |xml: &str, bands, by_tags| alpha_band(&band_info(xml, bands), by_tags);
        assert_eq!(alpha(&item(0, "Alpha"), 4, None), Some(0));
        assert_eq!(alpha(&item(0, "Alpha"), 4, Some(3)), Some(0));
        assert_eq!(alpha(&item(3, "Undefined"), 4, Some(3)), None);
        assert_eq!(alpha(&item(0, "Gray"), 4, Some(3)), Some(3));
        assert_eq!(alpha(&item(0, "Alpha"), 1, None), None);
    }

    #[test]
    fn items_have_a_bound() {
        let items = (0..50_000).map(|index| format!("<Item name=\"{index}\" sample=\"0\">x</Item>"));
        let kept = band_info(&items.collect::<String>(), 1)[0].items.len();
        assert!(kept > 10_000 && kept <= MAX_ITEM_BYTES / BYTES_PER_ITEM, "{kept}");
    }
}
