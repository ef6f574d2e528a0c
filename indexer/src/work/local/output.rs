//! What a child prints: kept in a log file up to a bound, the rest read and dropped so that the child never blocks.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::AsFd,
    path::Path,
    process::Child,
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// Bytes of a last line that are kept.
const MAX_LINE_BYTES: usize = 2000;

/// How long the pipes are read after the child's group was killed, before they are given up: a process that left the
/// group may hold them open for as long as it lives.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long they may say nothing by then.
const SILENCE: Duration = Duration::from_millis(500);

/// The reading of one child's output.
pub(super) struct Output {
    last_line: Arc<Mutex<LastLine>>,
    /// When the child's group was killed, once it was.
    over: Arc<OnceLock<Instant>>,
    /// Disconnected when both pipes have ended.
    ended: mpsc::Receiver<()>,
}

struct Log {
    file: Option<File>,
    room_bytes: u64,
}

impl Output {
    /// Reads both pipes of `child` on threads of their own.
    pub(super) fn keep(child: &mut Child, log: &Path, max_bytes: u64) -> Self {
        let file = File::create(log).inspect_err(|error| tracing::warn!(log = %log.display(), %error, "no log")).ok();
        let log = Arc::new(Mutex::new(Log { file, room_bytes: max_bytes }));
        let last_line = Arc::new(Mutex::new(LastLine::default()));
        let (over, (alive, ended)) = (Arc::<OnceLock<Instant>>::default(), mpsc::channel());
        if let Some(stdout) = child.stdout.take() {
            let (log, over, alive) = (Arc::clone(&log), Arc::clone(&over), alive.clone());
            spawn(move || (drain(stdout, &over, |bytes| log.append(bytes)), drop(alive)));
        }
        if let Some(stderr) = child.stderr.take() {
            let (line, over) = (Arc::clone(&last_line), Arc::clone(&over));
            let note = move |bytes: &[u8]| {
                log.append(bytes);
                line.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
            };
            spawn(move || (drain(stderr, &over, note), drop(alive)));
        }
        Self { last_line, over, ended }
    }

    /// The last line of stderr that is not empty, once both pipes have ended, or say nothing more: the child and its
    /// group are no more.
    pub(super) fn last_line(self) -> Option<String> {
        let _ = self.over.set(Instant::now());
        let _ = self.ended.recv_timeout(PATIENCE + SILENCE);
        self.last_line.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

fn spawn<T: Send + 'static>(reading: impl FnOnce() -> T + Send + 'static) {
    if let Err(error) = std::thread::Builder::new().name("output".to_owned()).spawn(reading) {
        tracing::warn!(%error, "no thread to read an attempt's output");
    }
}

/// Reads `pipe` to its end, or for as long as there is something to be had once the child is over.
fn drain(mut pipe: impl Read + AsFd, over: &OnceLock<Instant>, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 8192];
    loop {
        let is_over = over.get().is_some();
        if !has_news(&pipe) {
            if is_over {
                return;
            }
            continue;
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        if over.get().is_some_and(|since| since.elapsed() > PATIENCE) {
            return;
        }
    }
}

/// Whether the pipe has something to read, or has ended, before it has been silent for too long.
fn has_news(pipe: &impl AsFd) -> bool {
    let silence = Timespec::try_from(SILENCE).ok();
    let mut asked = [PollFd::new(pipe, PollFlags::IN)];
    // What cannot be asked tells so when it is read.
    !matches!(poll(&mut asked, silence.as_ref()), Ok(0) | Err(Errno::INTR))
}

trait Append {
    fn append(&self, bytes: &[u8]);
}

impl Append for Mutex<Log> {
    fn append(&self, bytes: &[u8]) {
        let mut log = self.lock().unwrap_or_else(PoisonError::into_inner);
        let room = usize::try_from(log.room_bytes).unwrap_or(usize::MAX);
        let part = &bytes[..bytes.len().min(room)];
        log.room_bytes -= part.len() as u64;
        if let Some(file) = &mut log.file {
            // A full disk must not stop the attempt over its log.
            let _ = file.write_all(part);
        }
    }
}

/// The last line seen so far, in bounded room.
#[derive(Default)]
struct LastLine {
    current: Vec<u8>,
    before: Vec<u8>,
}

impl LastLine {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' if self.current.iter().all(u8::is_ascii_whitespace) => self.current.clear(),
                b'\n' => self.before = std::mem::take(&mut self.current),
                byte if self.current.len() < MAX_LINE_BYTES => self.current.push(*byte),
                _ => {}
            }
        }
    }

    fn text(&self) -> Option<String> {
        let is_blank = |line: &Vec<u8>| line.iter().all(u8::is_ascii_whitespace);
        let line = if is_blank(&self.current) { &self.before } else { &self.current };
        let text = String::from_utf8_lossy(line).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_last_that_says_something() {
        for (text, line) in
            [("a\nb\n", Some("b")), ("a\n\n  \n", Some("a")), ("a\npart", Some("part")), ("", None), ("\n \n", None)]
        {
            let mut last = LastLine::default();
            text.bytes().for_each(|byte| last.push(&[byte]));
            assert_eq!(last.text().as_deref(), line, "{text:?}");
        }
    }

    #[test]
    fn an_endless_line_takes_bounded_room() {
        let mut last = LastLine::default();
        last.push(&vec![b'x'; 1 << 20]);
        assert_eq!(last.text().unwrap().len(), MAX_LINE_BYTES);
    }
}
