//! Shapes that were cut at the antimeridian (RFC 7946, section 3.1.9), put together again.
//!
//! Coordinates here run on past the antimeridian; only the outside counts them up to half a turn. Callers: outlines of
//! features, and boxes round detections.

/// What counts as touching the antimeridian, in turns.
const TOUCH: f64 = 1e-9;

/// Which parts of a shape, given by their extents in x, lie behind the antimeridian: a turn further east they join the
/// others. None of a shape that was not cut, or that is narrower as it is.
pub(crate) fn behind(extents: &[(f64, f64)], turn: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..extents.len()).collect();
    order.sort_unstable_by(|&a, &b| extents[a].0.total_cmp(&extents[b].0));
    let (half, near) = (turn / 2.0, turn * TOUCH);
    let ends_there = extents.iter().any(|extent| (extent.1 - half).abs() < near);
    let begins_there = extents.iter().any(|extent| (extent.0 + half).abs() < near);
    let mut behind = vec![false; extents.len()];
    if !(ends_there && begins_there) {
        return behind;
    }
    // However many of the western parts go: how wide it is then.
    let east_of = |index: &usize| extents[*index].1;
    let furthest = |parts: &[usize]| parts.iter().map(east_of).fold(f64::NEG_INFINITY, f64::max);
    let whole = furthest(&order) - extents[order[0]].0;
    let (mut moved_east, mut narrowest) = (f64::NEG_INFINITY, (whole - near, 0));
    let placed = order.iter().take_while(|&&index| extents[index].0.is_finite()).count();
    for count in 1..placed {
        moved_east = moved_east.max(east_of(&order[count - 1]) + turn);
        let width = moved_east.max(half) - extents[order[count]].0;
        if width < narrowest.0 {
            narrowest = (width, count);
        }
    }
    order[..narrowest.1].iter().for_each(|&index| behind[index] = true);
    behind
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn what_was_cut_is_joined() {
        for (extents, joined) in [
            (&[(170.0, 180.0), (-180.0, -175.0)][..], &[false, true][..]),
            (&[(-180.0, -170.0), (-160.0, -150.0), (27.0, 180.0)], &[true, true, false]),
            // Not cut at the antimeridian, be it narrower across it.
            (&[(-45.0, -40.0), (140.0, 150.0)], &[false, false]),
            (&[(-180.0, -40.0)], &[false]),
            // All the way round.
            (&[(-180.0, 0.0), (0.0, 180.0)], &[false, false]),
            (&[(-180.0, 180.0)], &[false]),
            (&[], &[]),
        ] {
            assert_eq!(behind(extents, 360.0), joined, "{extents:?}");
        }
    }
}
