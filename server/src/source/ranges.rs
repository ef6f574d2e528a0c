//! Which requests to make for which ranges: neighbours share one, nothing is asked for twice.

use std::ops::Range;

/// Bytes read for nothing rather than making another request.
const MAX_GAP_BYTES: u64 = 64 << 10;

/// Longest merged request; ranges longer than this by themselves stay as they are.
const MAX_MERGED_BYTES: u64 = 4 << 20;

/// One request and the asked-for ranges (by their index) that it answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) bytes: Range<u64>,
    pub(super) answers: Vec<usize>,
}

/// Merges `ranges`, which may come in any order and overlap.
pub(super) fn merge(ranges: &[Range<u64>]) -> Vec<Request> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_unstable_by_key(|&index| (ranges[index].start, ranges[index].end));
    let mut requests: Vec<Request> = Vec::new();
    for index in order {
        let range = &ranges[index];
        match requests.last_mut().filter(|last| joins(&last.bytes, range)) {
            Some(last) => {
                last.bytes.end = last.bytes.end.max(range.end);
                last.answers.push(index);
            }
            None => requests.push(Request { bytes: range.clone(), answers: vec![index] }),
        }
    }
    requests
}

fn joins(last: &Range<u64>, next: &Range<u64>) -> bool {
    let inside = next.end <= last.end;
    let near = next.start <= last.end.saturating_add(MAX_GAP_BYTES);
    inside || (near && next.end - last.start <= MAX_MERGED_BYTES)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_share_a_request_and_distant_ranges_do_not() {
        let requests = merge(&[100..200, 0..50, 1_000_000..1_000_010, 60..100]);
        assert_eq!(
            requests,
            [
                Request { bytes: 0..200, answers: vec![1, 3, 0] },
                Request { bytes: 1_000_000..1_000_010, answers: vec![2] },
            ]
        );
    }

    proptest! {
        #[test]
        fn every_range_is_answered_once_and_within_its_request(
            starts in prop::collection::vec((0_u64..20_000_000, 1_u64..6_000_000), 0..40)
        ) {
            let ranges: Vec<Range<u64>> = starts.iter().map(|&(start, length)| start..start + length).collect();
            let requests = merge(&ranges);
            let mut answered: Vec<usize> = requests.iter().flat_map(|request| request.answers.clone()).collect();
            answered.sort_unstable();
            prop_assert_eq!(answered, (0..ranges.len()).collect::<Vec<_>>());
            for request in &requests {
                for &index in &request.answers {
                    prop_assert!(request.bytes.start <= ranges[index].start && ranges[index].end <= request.bytes.end);
                }
                let alone = request.answers.iter().any(|&index| ranges[index] == request.bytes);
                prop_assert!(alone || request.bytes.end - request.bytes.start <= MAX_MERGED_BYTES);
            }
        }
    }
}
