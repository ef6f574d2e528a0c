//! Which requests to make for which ranges, and putting the answers in their places.
//!
//! Ranges that adjoin or overlap are one *span*, kept in one buffer. Spans near each other are one *stretch* of the
//! file, asked for as a whole; what lies between its spans is dropped as it arrives, so that nothing is held but what
//! was wanted. Nothing is asked for twice.

use std::ops::Range;

use aurora_raster::source::MAX_SHARED_BYTES;
use bytes::{Bytes, BytesMut};

/// Longest stretch; spans longer than this by themselves stay as they are.
const MAX_STRETCH_BYTES: u64 = 4 << 20;

/// Bytes asked for as one, and the asked-for ranges (by their index) that lie in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) bytes: Range<u64>,
    pub(super) answers: Vec<usize>,
}

/// Spans that one answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) bytes: Range<u64>,
    pub(super) spans: Vec<Span>,
}

/// Joins `ranges`, which may come in any order and overlap.
pub(super) fn spans(ranges: &[Range<u64>]) -> Vec<Span> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_unstable_by_key(|&index| (ranges[index].start, ranges[index].end));
    let mut spans: Vec<Span> = Vec::new();
    for index in order {
        let range = &ranges[index];
        let joins = |span: &Range<u64>| {
            range.start < span.end || (range.start == span.end && range.end - span.start <= MAX_SHARED_BYTES)
        };
        match spans.last_mut().filter(|last| joins(&last.bytes)) {
            Some(last) => {
                last.bytes.end = last.bytes.end.max(range.end);
                last.answers.push(index);
            }
            None => spans.push(Span { bytes: range.clone(), answers: vec![index] }),
        }
    }
    spans
}

/// Stretches of `spans`, which are sorted, with at most `max_gap_bytes` between two of a stretch.
pub(super) fn stretches(spans: Vec<Span>, max_gap_bytes: u64) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for span in spans {
        let joins = |last: &Range<u64>| {
            span.bytes.start <= last.end.saturating_add(max_gap_bytes)
                && span.bytes.end - last.start <= MAX_STRETCH_BYTES
        };
        match stretches.last_mut().filter(|last| joins(&last.bytes)) {
            Some(last) => {
                last.bytes.end = last.bytes.end.max(span.bytes.end);
                last.spans.push(span);
            }
            None => stretches.push(Stretch { bytes: span.bytes.clone(), spans: vec![span] }),
        }
    }
    stretches
}

/// [`stretches`] with a gap of at most `gap_bytes`, or so much less that no more than `max_waste_bytes` lie between
/// spans.
pub(super) fn few_stretches(spans: Vec<Span>, mut gap_bytes: u64, max_waste_bytes: u64) -> Vec<Stretch> {
    loop {
        let stretches = stretches(spans.clone(), gap_bytes);
        let waste_bytes: u64 = stretches.iter().map(Stretch::waste_bytes).sum();
        if waste_bytes <= max_waste_bytes || gap_bytes == 0 {
            return stretches;
        }
        gap_bytes /= 2;
    }
}

impl Stretch {
    /// Bytes of it that nobody wants.
    fn waste_bytes(&self) -> u64 {
        let wanted: u64 = self.spans.iter().map(|span| span.bytes.end - span.bytes.start).sum();
        self.bytes.end - self.bytes.start - wanted
    }
}

/// Buffers of spans being filled, each from its first byte on.
pub(super) struct Scatter {
    spans: Vec<(Span, BytesMut)>,
}

/// Why an answer cannot be put together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScatterError {
    #[error("bytes from {at} on come out of order")]
    Disorder { at: u64 },
    #[error("{have} of {wanted} bytes from {start} on")]
    Short { start: u64, have: usize, wanted: u64 },
}

impl Scatter {
    /// Empty buffers for the spans of `stretches`.
    pub(super) fn new(stretches: Vec<Stretch>) -> Self {
        let spans = stretches.into_iter().flat_map(|stretch| stretch.spans);
        let buffer = |span: &Span| BytesMut::with_capacity((span.bytes.end - span.bytes.start) as usize);
        Self { spans: spans.map(|span| (span.clone(), buffer(&span))).collect() }
    }

    /// Takes bytes of the file that begin at `at`; those of no span are dropped.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<(), ScatterError> {
        let end = at + bytes.len() as u64;
        let first = self.spans.partition_point(|(span, _)| span.bytes.end <= at);
        for (span, buffer) in self.spans[first..].iter_mut().take_while(|(span, _)| span.bytes.start < end) {
            let (from, to) = (span.bytes.start.max(at), span.bytes.end.min(end));
            if from != span.bytes.start + buffer.len() as u64 {
                return Err(ScatterError::Disorder { at: from });
            }
            buffer.extend_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
        }
        Ok(())
    }

    /// The bytes of every range, by its index in `ranges`; spans must be full.
    pub(super) fn finish(self, ranges: &[Range<u64>]) -> Result<Vec<(usize, Bytes)>, ScatterError> {
        let mut answers = Vec::new();
        for (Span { bytes: Range { start, end }, answers: indices }, buffer) in self.spans {
            if buffer.len() as u64 != end - start {
                return Err(ScatterError::Short { start, have: buffer.len(), wanted: end - start });
            }
            let buffer = buffer.freeze();
            let cut = |range: &Range<u64>| buffer.slice((range.start - start) as usize..(range.end - start) as usize);
            answers.extend(indices.into_iter().map(|index| (index, cut(&ranges[index]))));
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(bytes: Range<u64>, answers: &[usize]) -> Span {
        Span { bytes, answers: answers.to_vec() }
    }

    #[test]
    fn neighbours_share_a_stretch_and_distant_ranges_do_not() {
        let spans = spans(&[100..200, 0..50, 1_000_000..1_000_010, 60..100]);
        assert_eq!(spans, [span(0..50, &[1]), span(60..200, &[3, 0]), span(1_000_000..1_000_010, &[2])]);
        let near = Stretch { bytes: 0..200, spans: spans[..2].to_vec() };
        let far = Stretch { bytes: 1_000_000..1_000_010, spans: spans[2..].to_vec() };
        assert_eq!(stretches(spans.clone(), 64 << 10), [near, far]);
        assert_eq!(stretches(spans, 9).len(), 3);
    }

    #[test]
    fn what_is_read_for_nothing_is_bounded() {
        let rows: Vec<_> = (0..100_u64).map(|row| row * 10_000..row * 10_000 + 1000).collect();
        assert_eq!(few_stretches(spans(&rows), 9_000, 900_000).len(), 1);
        assert_eq!(few_stretches(spans(&rows), 9_000, 800_000).len(), 100);
        let (near, far) = (0..10, 1_000_000..1_000_010);
        assert_eq!(few_stretches(spans(&[near, 20..30, far]), 9_000_000, 50).len(), 2);
    }

    #[test]
    fn gaps_are_dropped_and_what_is_short_or_in_disorder_is_told() {
        let ranges = [2..4, 7..9];
        let scatter = || Scatter::new(stretches(spans(&ranges), 10));
        let mut whole = scatter();
        whole.put(2, b"cdef").and_then(|()| whole.put(6, b"ghi")).expect("in order");
        assert_eq!(whole.finish(&ranges).expect("full"), [(0, "cd".into()), (1, "hi".into())]);
        let mut short = scatter();
        short.put(2, b"cdefgh").expect("in order");
        assert_eq!(short.finish(&ranges), Err(ScatterError::Short { start: 7, have: 1, wanted: 2 }));
        assert_eq!(scatter().put(3, b"d"), Err(ScatterError::Disorder { at: 3 }));
    }

    proptest! {
        #[test]
        fn every_range_is_answered_with_its_bytes(
            starts in prop::collection::vec((0_u64..3_000_000, 1_u64..50_000), 1..40),
            gap in 0_u64..100_000,
            portion in 1_usize..200_000,
        ) {
            let file: Vec<u8> = (0..3_100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let ranges: Vec<Range<u64>> = starts.iter().map(|&(start, length)| start..start + length).collect();
            let stretches = stretches(spans(&ranges), gap);
            let mut scatter = Scatter::new(stretches.clone());
            for stretch in stretches {
                let mut at = stretch.bytes.start;
                for part in file[stretch.bytes.start as usize..stretch.bytes.end as usize].chunks(portion) {
                    scatter.put(at, part).expect("in order");
                    at += part.len() as u64;
                }
            }
            let mut answers = scatter.finish(&ranges).expect("full");
            answers.sort_by_key(|(index, _)| *index);
            prop_assert_eq!(answers.len(), ranges.len());
            for ((_, bytes), range) in answers.iter().zip(&ranges) {
                prop_assert_eq!(&bytes[..], &file[range.start as usize..range.end as usize]);
            }
        }
    }
}
