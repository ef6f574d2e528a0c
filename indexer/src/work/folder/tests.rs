//! Folders that are somebody else's, have gone away, or are from before there were marks.

use std::fs;

use super::*;

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["results", "state", "other"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Self { dir }
    }

    /// A claim by the indexer whose state folder has this name; its database ends with it.
    async fn claim(&self, state: &str) -> Result<Arc<Folder>> {
        let state = self.dir.path().join(state);
        let address = Database::default_address(&state);
        let database = Database::open(&state, &address).await?;
        let claimed = Folder::claim(&self.results(), &state, &database, &address).await;
        database.close().await;
        claimed
    }

    fn results(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    fn mark(&self) -> PathBuf {
        self.results().join(MARK)
    }
}

#[tokio::test]
async fn a_folder_is_its_databases_and_no_others() {
    let bench = Bench::new();
    bench.claim("state").await.unwrap();
    bench.claim("state").await.unwrap().check().unwrap();
    let refused = bench.claim("other").await.err().unwrap().to_string();
    assert!(refused.starts_with("--results: ") && refused.contains("state/indexer.db on "), "{refused}");
    // Its database was lost, and begins anew beside what is remembered of the folder.
    for name in ["indexer.db", "indexer.db-wal", "indexer.db-shm", "indexer.mark"] {
        let _ = fs::remove_file(bench.dir.path().join("state").join(name));
    }
    bench.claim("state").await.unwrap().check().unwrap();
    fs::remove_file(bench.mark()).unwrap();
    bench.claim("other").await.unwrap().check().unwrap();
}

#[tokio::test]
async fn without_its_mark_it_is_away_until_it_is_back_or_an_operator_says_so() {
    let bench = Bench::new();
    let folder = bench.claim("state").await.unwrap();
    let kept = bench.results().with_extension("mounted");
    fs::rename(bench.results(), &kept).unwrap();
    fs::create_dir(bench.results()).unwrap();
    let said = folder.look().await.unwrap_err();
    assert!(said.contains("its mark is gone") && folder.away() == Some(said), "{:?}", folder.away());
    let again = bench.claim("state").await.unwrap();
    assert!(again.away().is_some() && !bench.mark().exists(), "a start does not make it another folder");

    fs::remove_dir(bench.results()).unwrap();
    fs::rename(&kept, bench.results()).unwrap();
    folder.look().await.unwrap();
    assert_eq!(folder.away(), None);
    fs::write(bench.mark(), "").unwrap();
    again.check().unwrap();
    folder.check().unwrap();
    assert!(fs::metadata(bench.mark()).unwrap().len() > 0);
}

#[tokio::test]
async fn a_folder_from_before_there_were_marks_is_taken() {
    let bench = Bench::new();
    fs::create_dir_all(bench.results().join("a/2")).unwrap();
    bench.claim("state").await.unwrap().check().unwrap();
    assert!(bench.mark().is_file() && bench.results().read_dir().unwrap().count() == 2);
}

#[tokio::test]
async fn one_that_does_not_answer_at_the_start_is_claimed_once_it_does() {
    let bench = Bench::new();
    let state = bench.dir.path().join("state");
    let address = Database::default_address(&state);
    let database = Database::open(&state, &address).await.unwrap();
    // To open a pipe takes as long as nobody writes into it.
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, bench.mark(), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let folder = Folder::claim(&bench.results(), &state, &database, &address).await.unwrap();
    assert!(folder.away().unwrap().contains("no answer") && folder.look().await.is_err() && folder.check().is_err());

    drop(fs::File::options().write(true).open(bench.mark()).unwrap());
    fs::remove_file(bench.mark()).unwrap();
    let mut tries = 0;
    while folder.claim_if_new(&database).await.is_err() {
        tries += 1;
        assert!(tries < 100, "never claimed");
    }
    folder.look().await.unwrap();
    assert!(folder.away().is_none() && bench.mark().is_file());
}

#[tokio::test]
async fn of_two_indexers_on_a_database_the_quicker_ones_mark_holds_for_both() {
    let bench = Bench::new();
    let state = bench.dir.path().join("state");
    let address = Database::default_address(&state);
    let database = Database::open(&state, &address).await.unwrap();
    let claim =
        async |own: &str| Folder::claim(&bench.results(), &bench.dir.path().join(own), &database, &address).await;
    let kept = bench.results().with_extension("kept");
    fs::rename(bench.results(), &kept).unwrap();
    // Neither can mark what is not there yet.
    let (first, second) = (claim("state").await.unwrap(), claim("other").await.unwrap());
    fs::rename(&kept, bench.results()).unwrap();
    first.check().unwrap();
    second.check().unwrap();
    fs::remove_file(bench.mark()).unwrap();
    assert!(second.check().is_err() && !bench.mark().exists(), "the one that it has seen is gone");
    database.close().await;
}
