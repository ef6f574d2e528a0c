//! Files that change under whoever reads them.

use super::*;

fn files(folder: &std::path::Path, open: usize) -> Arc<LocalFiles> {
    let allow = AllowList::new(&[folder.to_str().unwrap().to_owned()], &[]).unwrap();
    let (origins, patience) = (Arc::new(Origins::new(16, Duration::from_secs(30))), Duration::from_secs(30));
    Arc::new(LocalFiles::new(Arc::new(allow), origins, open, patience))
}

/// Writes a file as one that has lain there for a while.
fn place(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

fn descriptors_below(folder: &std::path::Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|path| path.starts_with(folder))).count()
}

#[tokio::test]
async fn many_files_are_read_through_few_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), 4);
    let mut sources = Vec::new();
    for number in 0..50_u8 {
        let path = folder.path().join(number.to_string());
        place(&path, &[number; 10]);
        let file = files.locate(path.to_str().unwrap()).await.unwrap().unwrap();
        sources.push(files.open(&file).await.unwrap());
    }
    for (number, source) in sources.iter().enumerate().rev() {
        let read = source.read(&[3..5, 9..10]).await.unwrap();
        assert_eq!(read.concat(), [number as u8; 3]);
        assert!(descriptors_below(folder.path()) <= 5, "{}", descriptors_below(folder.path()));
    }
}

#[tokio::test]
async fn a_name_leads_where_it_leads_now() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    for path in [at("a"), at("b"), elsewhere.path().join("c")] {
        place(&path, path.to_str().unwrap().as_bytes());
    }
    let files = files(folder.path(), 4);
    let link = at("link");
    let point_to = |target: PathBuf| {
        std::fs::remove_file(&link).ok();
        std::os::unix::fs::symlink(target, &link).unwrap();
    };
    let locate = async || files.locate(link.to_str().unwrap()).await.unwrap();
    point_to(at("a"));
    assert_eq!(*locate().await.unwrap().path, *at("a").canonicalize().unwrap());
    let again = locate().await.unwrap();
    assert_eq!(files.version(&again).await.unwrap(), FileSource::version_at(at("a"), true).unwrap());
    point_to(at("b"));
    assert_eq!(*locate().await.unwrap().path, *at("b").canonicalize().unwrap());
    point_to(elsewhere.path().join("c"));
    assert_eq!(locate().await, Err(Refusal::Forbidden));
    point_to(at("none"));
    assert!(locate().await.is_err());
}

#[tokio::test]
async fn a_file_replaced_while_it_was_closed_is_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    place(&path, b"old");
    let files = files(folder.path(), 4);
    let file = files.locate(path.to_str().unwrap()).await.unwrap().unwrap();
    let source = files.open(&file).await.unwrap();
    assert_eq!(&*files.version(&file).await.unwrap().validator, source.version());
    files.open.invalidate_all();
    place(&folder.path().join("b"), b"newer");
    std::fs::rename(folder.path().join("b"), &path).unwrap();
    assert!(matches!(source.read(std::slice::from_ref(&(0..3))).await, Err(SourceError::Changed { .. })));
    assert_ne!(&*files.version(&file).await.unwrap().validator, source.version());
}

#[tokio::test]
async fn a_file_that_cannot_be_told_of_stays_as_it_was_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    place(&path, b"known");
    let files = files(folder.path(), 4);
    let away = || Err(unavailable("a", &"Input/output error"));
    let unknown = files.settle(path.clone(), away());
    assert!(matches!(unknown, Err(SourceError::Unavailable { .. })), "{unknown:?}");
    let found = files.locate(path.to_str().unwrap()).await.unwrap().unwrap();
    let known = files.settle(path.clone(), away()).unwrap().unwrap();
    assert_eq!(known, found);
    assert_eq!(files.version(&known).await.unwrap(), files.version(&found).await.unwrap());
    // What its folder has said since is known better.
    assert_eq!(files.settle(path.clone(), Ok(Err(Refusal::NotFound))).unwrap(), Err(Refusal::NotFound));
    assert!(files.settle(path, away()).is_err());
}
