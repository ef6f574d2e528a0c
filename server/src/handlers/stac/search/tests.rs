//! Searches as clients spell them.

use super::*;

#[test]
fn a_token_survives_its_text() {
    let at = Reverse("2023-03-01T00:00:00.5Z".parse().unwrap());
    let token = Token { at, collection: Collection::MbiLight, id: "a~b".to_owned() };
    assert_eq!(token.to_string().parse(), Ok(token));
    assert!("2023-03-01T00:00:00Z~none~a".parse::<Token>().is_err());
}

#[test]
fn shapes_meet_across_the_antimeridian() {
    let ring = |west: f64, east: f64| json!({ "type": "Polygon", "coordinates": [[[west, 0], [east, 0], [east, 1], [west, 1], [west, 0]]] });
    let point = |lon: f64| geo::Geometry::Point(geo::Point::new(lon, 0.5));
    assert!(meets(&point(-179.5), &ring(179.0, 181.0)));
    assert!(meets(&point(179.5), &ring(179.0, 181.0)));
    assert!(!meets(&point(0.0), &ring(179.0, 181.0)));
    assert!(!meets(&point(0.0), &Value::Null));
}
