//! Asking until served: a 503 that names a pause is waited out and repeated, as its `Retry-After` asks. Nothing else is
//! repeated, and every try is counted.
//!
//! Called by map users and by stress users; what an answer is worth is theirs to say.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::{Duration, Instant},
};

use crate::{
    client::{Answer, Ask, Client, Failure, retry_after},
    measure::{Count, Ended, Meter, Trend},
};

/// A client waits no longer than this, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Clients come back spread over this part of the pause after it, so that they do not come as the same crowd.
const SPREAD: f64 = 0.5;

/// Asks, repeating at most `retries` times; `judge` says of an answer with any status whether it is a failure.
///
/// # Errors
/// The class of the last try's failure.
pub async fn ask(
    client: &Client,
    ask: &Ask,
    group: &str,
    retries: u32,
    meter: &Meter,
    judge: impl Fn(&Answer) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        let asked = client.ask(ask).await;
        let pause =
            asked.as_ref().ok().filter(|answer| answer.status == 503).and_then(|answer| retry_after(&answer.headers));
        let (judged, timing, body_bytes) = match asked {
            Ok(answer) => {
                let (timing, body_bytes) = (answer.timing, answer.body_bytes);
                (judge(&answer).map(|()| answer), timing, body_bytes)
            }
            Err((failure, timing)) => (Err(failure), timing, 0),
        };
        let failure = judged.as_ref().err().copied();
        let again = failure.is_some() && tries < retries;
        let again = pause.filter(|_| again);
        let at_ms = meter.at_ms();
        meter.count(|tally| {
            tally.add(Count::DataSent, ask.body.len() as u64);
            tally.request(&Ended { group, failure, timing, body_bytes, at_ms });
            match (failure, again) {
                (_, Some(_)) => return tally.add(Count::Retries, 1),
                (None, _) if tries == 0 => tally.add(Count::ServedFirstTry, 1),
                (None, _) => tally.add(Count::ServedAfterRetries, 1),
                (Some(_), _) => tally.add(Count::NotServed, 1),
            }
            tally.trend(Trend::ServedDuration).record(begun.elapsed());
        });
        let Some(pause) = again else { return judged };
        tries += 1;
        tokio::time::sleep(spread(pause.min(LONGEST_PAUSE), (at_ms, tries, std::ptr::from_ref(client) as usize))).await;
    }
}

/// A pause and up to half of it more, decided by whom it is for.
fn spread(pause: Duration, whom: (u64, u32, usize)) -> Duration {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(whom);
    pause.mul_f64(1.0 + SPREAD * (hash % 1000) as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_comes_back_before_the_pause_is_over() {
        let pause = Duration::from_secs(2);
        let pauses: Vec<_> = (0..100).map(|user| spread(pause, (7, 1, user))).collect();
        assert!(pauses.iter().all(|spread| (pause..=pause.mul_f64(1.5)).contains(spread)));
        assert!(pauses.iter().any(|spread| *spread > pause.mul_f64(1.3)));
    }
}
