//! Expressions over hand-made bands.

use proptest::prelude::*;

use super::Expression;
use crate::{block::Samples, pixels::Pixels};

fn pixels(samples: Samples, mask: &[u8]) -> Pixels {
    let bands = (samples.len() / mask.len()) as u16;
    Pixels { bands, ..Pixels::of_band(mask.len() as u32, 1, samples, mask.to_vec()) }
}

/// The value of an expression over two bands of one pixel.
fn value(text: &str, b1: f64, b2: f64) -> f64 {
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let values: Vec<f64> = expression.bands().iter().map(|band| if *band == 1 { b1 } else { b2 }).collect();
    let made = expression.apply(&pixels(Samples::F64(values), &[255]));
    made.numbers(0)[0]
}

/// What Python makes of the same text.
#[test]
fn operators_bind_as_in_python() {
    for (text, expected) in [
        ("b1 + b2 * 2", 11.0),
        ("(b1 + b2) * 2", 16.0),
        ("-b1 ** 2", -25.0),
        ("2 ** -b2 * 8", 1.0),
        ("2 ** 3 ** 2 + b1 * 0", 512.0),
        ("b1 - b2 - 1", 1.0),
        ("b1 // b2 + b1 % b2", 3.0),
        ("b1 > b2 + 1", 1.0),
        ("(b1 > 4) & (b2 > 4)", 0.0),
        ("b1 > 4 | b2", 0.0),
        ("where(b1 == 5, b2, -b2)", 3.0),
        ("~(b1 == 5)", 0.0),
        ("6 ^ b2 | 8", 13.0),
        ("B1*1e1 + .5", 50.5),
        ("maximum(b1, b2) - minimum(b1, b2)", 2.0),
        ("sqrt(hypot(b2, b1 - 1)**2) + log10(100 + 0 * b1)", 7.0),
        ("+b1", 5.0),
        ("b1*-b2", -15.0),
    ] {
        assert_eq!(value(text, 5.0, 3.0), expected, "{text}");
    }
}

/// numexpr 2.14's answers, which are Python's.
#[test]
fn remainders_have_the_divisors_sign_but_for_fmod() {
    for (text, b1, b2, expected) in [
        ("b1 % b2", -115.0, 3.0, 2.0),
        ("b1 % b2", -7.0, -3.0, -1.0),
        ("b1 % b2", 7.0, -3.0, -2.0),
        ("b1 % b2", -115.0, 2.5, 0.0),
        ("b1 % b2", -7.0, 2.5, 0.5),
        ("b1 // b2", -115.0, 3.0, -39.0),
        ("b1 // b2 * b2 + b1 % b2", -115.0, 3.0, -115.0),
        ("fmod(b1, b2)", -115.0, 3.0, -1.0),
        ("fmod(b1, b2)", 7.0, -3.0, 1.0),
    ] {
        assert_eq!(value(text, b1, b2), expected, "{text} of {b1} and {b2}");
    }
}

#[test]
fn what_is_no_expression_is_refused_in_words() {
    let deep = format!("{}b1{}", "(".repeat(100), ")".repeat(100));
    let long = format!("b1{}", "+1".repeat(900));
    let wide = ["b1"; 17].join(";");
    for bad in [
        "",
        ";",
        "1 + 2",
        "b0",
        "b1 +",
        "(b1",
        "b1)",
        "b1 b2",
        "b1 < b2 < 3",
        "frobnicate(b1)",
        "sqrt(b1, b2)",
        "where(b1, 2)",
        "__import__('os')",
        "b1.real",
        "b1[0]",
        "b1 and b2",
        "1e",
        "b1 ? 2",
        "sum(b1)",
        "é",
        &deep,
        &long,
        &wide,
        "b70000",
    ] {
        let refused = Expression::parse(bad);
        assert!(refused.is_err(), "{bad}: {refused:?}");
    }
}

/// numexpr 2's own answers for these types.
#[test]
fn types_are_numexprs() {
    let kind = |text: &str, samples: Samples| {
        let made = Expression::parse(text).unwrap().apply(&pixels(samples, &[255]));
        match made.samples {
            Samples::U8(_) => "bool",
            Samples::I32(_) => "int32",
            Samples::F32(_) => "float32",
            Samples::F64(_) => "float64",
            other => panic!("{other:?}"),
        }
    };
    let cases = [
        ("b1", "int32", "float32"),
        ("b1/b1", "float64", "float32"),
        ("b1*2", "int32", "float32"),
        ("b1*2.5", "float64", "float64"),
        ("b1//2", "int32", "float32"),
        ("b1%2", "int32", "float32"),
        ("fmod(b1,2)", "float64", "float32"),
        ("b1>1", "bool", "bool"),
        ("sqrt(b1)", "float64", "float32"),
        ("where(b1>1,1,0)", "int32", "int32"),
        ("b1;b1>1", "int32", "float32"),
    ];
    for (text, of_whole, of_real) in cases {
        assert_eq!(kind(text, Samples::U16(vec![7])), of_whole, "{text}");
        assert_eq!(kind(text, Samples::F32(vec![7.0])), of_real, "{text}");
    }
}

#[test]
fn masked_pixels_stay_masked_and_what_is_no_number_joins_them() {
    let ratio = Expression::parse("b1/b2").unwrap();
    let mut two = pixels(Samples::U16(vec![6, 8, 5, 9, 2, 4, 0, 7]), &[255, 255, 255, 0]);
    assert_eq!(ratio.apply(&two).mask, [255, 255, 0, 0]);
    // Band 1 holds no data in the second pixel, though band 2 does.
    two.nodata = Some(8.0);
    let made = ratio.apply(&two);
    assert_eq!((made.mask.as_slice(), made.numbers(0)[0], made.all_valid), (&[255, 0, 0, 0][..], 3.0, false));
}

#[test]
fn several_bands_are_made_in_order() {
    let expression = Expression::parse("b2; b1 - b2 ;").unwrap();
    assert_eq!((expression.outputs(), expression.bands(), expression.texts()[1].as_str()), (2, &[1, 2][..], "b1 - b2"));
    let made = expression.apply(&pixels(Samples::U8(vec![9, 8, 1, 2]), &[255; 2]));
    assert_eq!((made.bands, made.samples), (2, Samples::I32(vec![1, 2, 8, 6])));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[b12();+*/<>=&|^~%., ewhr-]{0,60}") {
        if let Ok(expression) = Expression::parse(&text) {
            let count = expression.bands().len();
            expression.apply(&pixels(Samples::F32(vec![3.0; count]), &[255]));
        }
    }
}
