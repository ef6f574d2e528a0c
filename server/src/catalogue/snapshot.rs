//! The mirrors on disk, written whole and at once, so that a restart serves before the indexers answer.

use std::{
    fs, io,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Catalogue, Mirror};

/// Pause between two looks at whether something has changed.
const INTERVAL: Duration = Duration::from_secs(2);

/// Number of the file's layout; another one is not read.
const LAYOUT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct File {
    layout: u32,
    mirrors: Vec<Mirror>,
}

/// The mirrors of `indexers`, as far as the folder's snapshot has them; the others begin empty. A snapshot that cannot
/// be read costs a full read of the feeds, nothing else.
pub(crate) fn load(folder: Option<&Path>, indexers: &[Url]) -> Vec<Mirror> {
    let mut known = folder.map(read).unwrap_or_default();
    let mirror = |indexer: &Url| {
        let found = known.iter().position(|mirror| mirror.indexer() == indexer);
        found.map_or_else(|| Mirror::new(indexer.clone()), |index| known.swap_remove(index))
    };
    indexers.iter().map(mirror).collect()
}

fn read(folder: &Path) -> Vec<Mirror> {
    let path = path(folder);
    let parsed = match fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => Err(error),
        Ok(file) => serde_json::from_reader::<_, File>(BufReader::new(file)).map_err(io::Error::from),
    };
    match parsed {
        Ok(file) if file.layout == LAYOUT => file.mirrors,
        Ok(file) => {
            tracing::warn!(layout = file.layout, "the snapshot's layout is another version's: not used");
            Vec::new()
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the snapshot cannot be read: not used");
            Vec::new()
        }
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("catalogue.json")
}

/// Writes the mirrors whenever they have moved, until `stop` and then once more.
pub(crate) async fn save_regularly(catalogue: Arc<Catalogue>, folder: PathBuf, stop: CancellationToken) {
    let mut saved = positions(&catalogue);
    loop {
        let stopped = stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none();
        let now = positions(&catalogue);
        if now != saved {
            match save_now(&catalogue, &folder).await {
                Ok(()) => {
                    saved = now;
                    if catalogue.saved(None) {
                        tracing::info!("the snapshot is written again");
                    }
                }
                Err(error) => {
                    let path = path(&folder);
                    if catalogue.saved(Some(format!("{}: {error}", path.display()))) {
                        tracing::warn!(path = %path.display(), %error, "the snapshot cannot be written");
                    }
                }
            }
        }
        if stopped {
            return;
        }
    }
}

fn positions(catalogue: &Catalogue) -> Vec<(String, u64)> {
    catalogue.mirrors().iter().map(Mirror::position).collect()
}

async fn save_now(catalogue: &Catalogue, folder: &Path) -> io::Result<()> {
    let file = File { layout: LAYOUT, mirrors: catalogue.mirrors().clone() };
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || write(&folder, &file)).await.map_err(io::Error::other)?
}

/// Written beside and renamed: a crash leaves the old snapshot or the new one.
fn write(folder: &Path, file: &File) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join("catalogue.json.new");
    let mut writer = BufWriter::new(fs::File::create(&beside)?);
    serde_json::to_writer(&mut writer, file)?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    fs::rename(&beside, path(folder))?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_back_and_others_begin_empty() {
        let dir = tempfile::tempdir().unwrap();
        let (known, other): (Url, Url) = ("http://a".parse().unwrap(), "http://b".parse().unwrap());
        let mut mirror = Mirror::new(known.clone()).of_epoch("e");
        mirror.advance(7);
        write(dir.path(), &File { layout: LAYOUT, mirrors: vec![mirror] }).unwrap();
        let mirrors = load(Some(dir.path()), &[other, known]);
        assert_eq!(mirrors[0].position(), (String::new(), 0));
        assert_eq!(mirrors[1].position(), ("e".to_owned(), 7));
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_told_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Mirror::new("http://a".parse().unwrap()).of_epoch("e");
        let catalogue = Arc::new(Catalogue::new(vec![mirror], true));
        let in_the_way = dir.path().join("catalogue.json.new");
        fs::create_dir(&in_the_way).unwrap();
        for (number, is_free) in [(1, false), (2, true)] {
            if is_free {
                fs::remove_dir(&in_the_way).unwrap();
            }
            let stop = CancellationToken::new();
            let saving = save_regularly(Arc::clone(&catalogue), dir.path().to_owned(), stop.clone());
            let moving = async {
                catalogue.with_mirror(0, |mirror| mirror.advance(number));
                stop.cancel();
            };
            tokio::join!(saving, moving);
            assert_eq!(catalogue.unsaved().is_none(), is_free, "{:?}", catalogue.unsaved());
        }
        assert!(path(dir.path()).is_file());
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let indexers = ["http://a".parse().unwrap()];
        for text in ["", "{", r#"{"layout":99,"mirrors":[]}"#] {
            fs::write(path(dir.path()), text).unwrap();
            assert_eq!(load(Some(dir.path()), &indexers).len(), 1, "{text}");
        }
        assert_eq!(load(None, &indexers).len(), 1);
    }
}
