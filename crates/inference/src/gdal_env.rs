//! GDAL's process-wide state: its settings, and the messages it would print.
//!
//! It opens nothing. `run` calls [`configure`] once; every module that asks GDAL for something calls [`reason`] when
//! the answer is no, because GDAL's return codes alone say little.

use std::sync::Mutex;

use gdal::{
    config::{set_config_option, set_error_handler},
    errors::{CplErrType, GdalError},
};

/// Messages kept; the first ones name the cause, the later ones are its echoes.
const MESSAGES_KEPT: usize = 8;
/// Characters kept of one message: hostile files put their own bytes into it.
const MESSAGE_CHARS: usize = 300;

static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Sets GDAL's block cache, threads and habits. Sidecar files are not looked for, nothing is written beside the input.
pub(crate) fn configure(cache_bytes: u64, threads: usize) -> Result<(), GdalError> {
    set_error_handler(|class, _, text| match class {
        CplErrType::Failure | CplErrType::Fatal => keep(text),
        _ => tracing::debug!(gdal = text),
    });
    for (key, value) in [
        ("GDAL_CACHEMAX", &*format!("{}MB", (cache_bytes >> 20).max(1))),
        ("GDAL_NUM_THREADS", &*threads.to_string()),
        ("GDAL_PAM_ENABLED", "NO"),
        ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR"),
        ("GDAL_VRT_ENABLE_PYTHON", "NO"),
        ("PROJ_NETWORK", "OFF"),
        ("GDAL_PNG_WHOLE_IMAGE_OPTIM", "NO"),
    ] {
        set_config_option(key, value)?;
    }
    Ok(())
}

fn keep(text: &str) {
    let mut messages = MESSAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if messages.len() < MESSAGES_KEPT {
        messages.push(one_line(text));
    }
}

fn one_line(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(MESSAGE_CHARS).collect::<String>().trim().to_owned()
}

/// Forgets the messages so far; call before an operation whose failure will be explained.
pub(crate) fn forget() {
    MESSAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
}

/// The first message since [`forget`], on one line; `error`'s own text where GDAL said nothing.
pub(crate) fn reason(error: &GdalError) -> String {
    let messages = MESSAGES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match messages.first() {
        Some(first) if !first.is_empty() => first.clone(),
        _ => one_line(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_message_stays_one_short_line() {
        let line = one_line(&format!("bad\ntag\u{7}{}", "x".repeat(10_000)));
        assert!(!line.contains('\n') && !line.contains('\u{7}'));
        assert_eq!(line.chars().count(), MESSAGE_CHARS);
    }
}
