//! The comparison's report.

use std::collections::BTreeMap;

use serde_json::{Value, json as value};

use super::{Compared, Ratio, Settings};
use crate::{
    report::{Circumstances, Document, Language, Line, Note, Part, Plot, Table, dash, failure_table},
    threshold::{Threshold, judge},
};

/// `ratio.FIGURE` (median, first by second), `a.FIGURE` and `b.FIGURE` (medians), and where pictures could be
/// compared `pixels.differing`, `pixels.mask` (parts), `pixels.mean`, `pixels.max`; `pixels.unlike` in any case.
pub fn metrics(compared: &Compared) -> BTreeMap<String, f64> {
    let pixels = &compared.pixels;
    let mut metrics = BTreeMap::from([("pixels.unlike".to_owned(), pixels.unlike as f64)]);
    if pixels.pixels > 0 {
        metrics.extend([
            ("pixels.differing".to_owned(), pixels.differing_share),
            ("pixels.mask".to_owned(), pixels.mask_share),
            ("pixels.mean".to_owned(), pixels.mean),
            ("pixels.max".to_owned(), f64::from(pixels.max)),
        ]);
    }
    for ratio in &compared.ratios {
        metrics.insert(format!("a.{}", ratio.figure), ratio.medians[0]);
        metrics.insert(format!("b.{}", ratio.figure), ratio.medians[1]);
        metrics.extend(ratio.ratio.map(|value| (format!("ratio.{}", ratio.figure), value)));
    }
    metrics
}

/// The comparison as JSON.
pub fn json(circumstances: &Circumstances, compared: &Compared, document: &Document) -> Value {
    value!({
        "command": "compare",
        "circumstances": circumstances,
        "metrics": metrics(compared),
        "thresholds": document.verdicts,
        "notes": document.notes,
        "compared": compared,
    })
}

/// The comparison for people.
pub fn document(
    circumstances: &Circumstances,
    settings: &Settings,
    compared: &Compared,
    thresholds: &[Threshold],
    mut notes: Vec<Note>,
    lang: Language,
) -> Document {
    notes.extend(Note::of_own_cost(compared.own_cores));
    notes.extend(compared.interrupted.then_some(Note::Interrupted));
    notes.extend(compared.gone.iter().map(|process| Note::Gone { process: process.clone() }));
    let empty = compared.names.iter().zip(compared.empty_rounds).filter(|(_, rounds)| *rounds > 0);
    notes.extend(empty.map(|(side, rounds)| Note::GaveNothing { side: side.clone(), rounds }));
    let mut facts: Vec<_> =
        ["A", "B"].into_iter().zip(&settings.sides).map(|(letter, side)| (letter.to_owned(), address(side))).collect();
    facts.extend(circumstances.facts(lang));
    facts.push((
        lang.say("Rounds, users, views each, seed", "Rodadas, usuários, telas cada, semente").to_owned(),
        format!("{}, {}, {}, {}", settings.rounds, settings.users, settings.views, settings.seed),
    ));
    let mut parts: Vec<Part> = ["tiles_per_s", "tile_p95_ms", "rss_mb"]
        .into_iter()
        .filter_map(|figure| plot(compared, figure, lang))
        .map(Part::Plot)
        .collect();
    parts.push(Part::Table(ratio_table(compared, lang)));
    parts.push(Part::Table(pixel_table(compared, lang)));
    for (name, total) in compared.names.iter().zip(&compared.totals) {
        parts.extend(
            failure_table(total, lang)
                .map(|table| Part::Table(Table { title: format!("{}: {name}", table.title), ..table })),
        );
    }
    Document {
        lang,
        title: format!("{} {} {}", compared.names[0], lang.say("beside", "ao lado de"), compared.names[1]),
        intro: lang
            .say(
                "The same users walk the same sessions on both, in turn. Ratios are taken within a round and stand as their \
                 median with the lowest and highest; absolute figures of a shared machine mean less.",
                "Os mesmos usuários percorrem as mesmas sessões em ambos, alternadamente. As razões são tomadas dentro de cada \
                 rodada e dadas pela mediana com a menor e a maior; números absolutos de uma máquina compartilhada valem menos.",
            )
            .to_owned(),
        facts,
        notes,
        verdicts: judge(thresholds, &metrics(compared)),
        parts,
    }
}

fn address(side: &super::Side) -> String {
    let example = side.scenes.first().map(|scene| scene.tiles.template()).unwrap_or_default();
    format!("{}: {example}", side.name)
}

fn ratio_table(compared: &Compared, lang: Language) -> Table {
    let row = |ratio: &Ratio| {
        let spread = ratio.spread.map_or_else(dash, |(low, high)| format!("{}–{}", number(low), number(high)));
        vec![
            ratio.figure.to_owned(),
            format!("{:.2}", ratio.medians[0]),
            format!("{:.2}", ratio.medians[1]),
            ratio.ratio.map_or_else(dash, number),
            spread,
        ]
    };
    let head = [
        lang.say("median", "mediana"),
        &compared.names[0],
        &compared.names[1],
        lang.say("ratio", "razão"),
        lang.say("lowest–highest", "menor–maior"),
    ];
    Table::new(lang.say("Figures", "Números"), &head, compared.ratios.iter().map(row).collect())
}

fn pixel_table(compared: &Compared, lang: Language) -> Table {
    let pixels = &compared.pixels;
    let of_pixels = |text: String| if pixels.pixels > 0 { text } else { dash() };
    let rows = [
        (lang.say("tiles compared", "tiles comparados"), pixels.tiles.to_string()),
        (lang.say("tiles only one could show", "tiles que só um mostrou"), pixels.unlike.to_string()),
        (
            lang.say("pixels with data in one only", "pixels com dados em só um"),
            of_pixels(format!("{:.3} %", 100.0 * pixels.mask_share)),
        ),
        (
            lang.say("pixels that differ", "pixels que diferem"),
            of_pixels(format!("{:.3} %", 100.0 * pixels.differing_share)),
        ),
        (lang.say("mean difference, of 255", "diferença média, de 255"), of_pixels(format!("{:.4}", pixels.mean))),
        (lang.say("largest difference, of 255", "maior diferença, de 255"), of_pixels(pixels.max.to_string())),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]).to_vec();
    Table::new(lang.say("Pictures", "Imagens"), &["", ""], rows)
}

fn plot(compared: &Compared, figure: &'static str, lang: Language) -> Option<Plot> {
    let line = |side: usize| {
        let points = compared.rounds.iter().enumerate();
        let points: Option<Vec<_>> =
            points.map(|(round, sides)| Some((round as f64 + 1.0, *sides[side].figures.get(figure)?))).collect();
        points.map(|points| Line { name: compared.names[side].clone(), points })
    };
    Some(Plot {
        title: figure.to_owned(),
        x_name: lang.say("round", "rodada").to_owned(),
        lines: vec![line(0)?, line(1)?],
        marks: Vec::new(),
    })
}

/// Small ratios keep their digits.
fn number(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::Protocol, compare::Side, user::Viewport};

    #[test]
    fn a_tool_that_was_busy_itself_is_named() {
        let side = |name: &str| Side { name: name.to_owned(), scenes: Vec::new(), watch: None };
        let settings = Settings {
            sides: [side("a"), side("b")],
            protocol: Protocol::Http1,
            rounds: 5,
            users: 1,
            views: 1,
            viewport: Viewport { width_px: 256, height_px: 256 },
            timeout: std::time::Duration::from_secs(1),
            seed: 1,
            recording: None,
            pixels: 0,
        };
        let notes = |own_cores: f64, interrupted: bool| {
            let compared = Compared {
                names: ["a".to_owned(), "b".to_owned()],
                rounds: Vec::new(),
                ratios: Vec::new(),
                pixels: crate::compare::PixelDifference::default(),
                totals: Default::default(),
                own_cores,
                interrupted,
                empty_rounds: [0, 2],
                gone: Vec::new(),
            };
            assert!(!compared.is_whole());
            document(&Circumstances::now(None), &settings, &compared, &[], Vec::new(), Language::En).notes
        };
        let empty = Note::GaveNothing { side: "b".to_owned(), rounds: 2 };
        assert!(matches!(&notes(1e6, false)[..], [Note::ToolBusy { .. }, last] if *last == empty));
        assert_eq!(notes(0.0, true), [Note::Interrupted, empty]);
    }
}
