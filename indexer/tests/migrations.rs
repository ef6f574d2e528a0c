//! A database that an earlier version filled, opened by today's: nothing in it is lost, and its feed goes on.

use std::path::Path;

use aurora_catalog::{ChangeBody, SceneStatus, store};
use aurora_database::{Address, Backend, Connection, Pools, trial::Server};
use aurora_indexer::database::Database;
use aurora_queue::{State, list};
use sqlx::{AssertSqlSafe, migrate::Migration};

/// Forms of the tables that were released: steps of the catalogue and of the queue.
const FORMS: [(usize, usize); 5] = [(1, 1), (2, 1), (3, 1), (3, 2), (4, 2)];

/// The first of them that there was on PostgreSQL.
const FIRST_ON_POSTGRES: (usize, usize) = (3, 1);

/// A scene as the first version wrote it: id, revision and status are filled in.
const SCENE: &str = r#"{"scene_id":"ID","revision":REVISION,"status":"STATUS","path":"2024/ID.MBI.tif","name":null,
"observed_at":null,"arrived_at":"2024-05-01T10:00:00Z","published_at":null,"bounds_wgs84":[-41.0,-23.0,-40.0,-22.0],
"footprint":[[-41.0,-23.0],[-40.0,-23.0],[-40.0,-22.0],[-41.0,-23.0]],"raw":null,"light":null,"detections":null,
"note":"é"}"#;

/// Id, revision, status and whether it has left, of every kind of scene.
const SCENES: [(&str, u64, &str, bool); 4] = [
    ("raw", 1, "raw", false),
    ("waiting", 1, "waiting", false),
    ("shown", 2, "published", false),
    ("gone", 3, "raw", true),
];

/// The newest change, and those before it that are still there.
const CHANGES: [u64; 3] = [3, 5, 8];

fn scene(id: &str, revision: u64, status: &str) -> String {
    SCENE.replace("ID", id).replace("REVISION", &revision.to_string()).replace("STATUS", status).replace('\n', "")
}

fn migrations(backend: Backend, (catalogue, queue): (usize, usize)) -> Vec<Migration> {
    let catalogue = store::migrations::all(backend).into_iter().take(catalogue);
    catalogue.chain(aurora_queue::migrations::all(backend).into_iter().take(queue)).collect()
}

/// Makes a database of an earlier form, with scenes of every kind, a job in every state and a feed with gaps.
async fn fill(address: &Address, form: (usize, usize)) {
    let pools = Pools::open(address).await.unwrap();
    pools.migrate(migrations(pools.backend(), form)).await.unwrap();
    let mut conn = pools.write().await.unwrap();
    for (id, revision, status, is_gone) in SCENES {
        let (body, gone) = (scene(id, revision, status), i64::from(is_gone));
        run(
            &mut conn,
            format!(
                "INSERT INTO scene (scene_id, path, revision, withdrawn, size_bytes, mtime_ns, identity, updated_at_ms, body)
                 VALUES ('{id}', '2024/{id}.MBI.tif', {revision}, {gone}, 5000000000, 1714557600123456789, 'i-{id}',
                 1714557600000, '{body}')"
            ),
        )
        .await;
    }
    for (number, state) in State::ALL.into_iter().enumerate() {
        let held = if state.is_held() { "'old worker', 1714557660000" } else { "NULL, NULL" };
        let retry = if state == State::Retryable { "1714557700000" } else { "NULL" };
        let (name, reason) = (state.name(), if state == State::Failed { "'exit status 3: é'" } else { "NULL" });
        run(
            &mut conn,
            format!(
                "INSERT INTO job (job_id, subject, revision, input, priority, state, attempt, fence, worker, lease_until_ms,
                 retry_at_ms, reason, created_at_ms, updated_at_ms) VALUES ('j-{name}', 's-{name}', 2, 'x/{name}.tif',
                 {number}, '{name}', 2, 7, {held}, {retry}, {reason}, 1714557600000, 1714557650000)"
            ),
        )
        .await;
    }
    for seq in CHANGES {
        let body = format!(r#"{{"kind":"withdrawn","scene_id":"c{seq}","revision":1}}"#);
        run(
            &mut conn,
            format!("INSERT INTO change (seq, at_ms, key, body) VALUES ({seq}, 1714557600000, 'c{seq}', '{body}')"),
        )
        .await;
    }
    if form.0 >= 3 {
        run(&mut conn, format!("UPDATE feed SET head = {}", CHANGES[2])).await;
    }
    drop(conn);
    pools.close().await;
}

async fn run(conn: &mut Connection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(conn).await.unwrap();
}

/// Opens it as today's indexer does, and finds everything as it was.
async fn check(state_dir: &Path, address: &Address, form: (usize, usize)) {
    let database = Database::open(state_dir, address).await.unwrap();
    let mut conn = database.read().await.unwrap();
    for (id, revision, status, is_gone) in SCENES {
        let entry = store::scenes::by_id(&mut conn, id).await.unwrap().unwrap_or_else(|| panic!("no {id} of {form:?}"));
        let expected: SceneStatus = serde_json::from_value(status.into()).unwrap();
        assert_eq!((entry.scene.revision, entry.scene.status), (revision, expected), "{id} of {form:?}");
        assert_eq!((entry.withdrawn, entry.scene.note.as_deref()), (is_gone, Some("é")), "{id} of {form:?}");
        assert_eq!((entry.identity.as_str(), entry.stamp.size_bytes), (format!("i-{id}").as_str(), 5_000_000_000));
        assert_eq!(entry.stamp.ctime_ns, None, "nobody knew it, {form:?}");
    }
    assert_eq!(store::scenes::files(&mut conn).await.unwrap().len(), 3);
    for (number, state) in State::ALL.into_iter().enumerate() {
        let job = list::get(&mut conn, &format!("j-{}", state.name())).await.unwrap();
        assert_eq!((job.state, job.attempt, job.losses, job.fence), (state, 2, 0, 7), "{form:?}");
        assert_eq!((job.input.as_str(), job.priority), (format!("x/{}.tif", state.name()).as_str(), number as i64));
        assert_eq!((job.worker.is_some(), job.lease_until.is_some()), (state.is_held(), state.is_held()), "{job:?}");
        assert_eq!((job.retry_at.is_some(), job.reason.is_some()), (state == State::Retryable, state == State::Failed));
    }
    drop(conn);
    let told = async |database: &Database| {
        let page = database.changes(0, store::changes::PageLimits::default()).await.unwrap();
        page.changes.iter().map(|change| change.seq).collect::<Vec<_>>()
    };
    assert_eq!(told(&database).await, CHANGES, "{form:?}");
    let mut write = database.begin().await.unwrap();
    write.change(ChangeBody::Withdrawn { scene_id: "new".to_owned(), revision: 1 });
    write.commit().await.unwrap();
    assert_eq!(told(&database).await, [3, 5, 8, 9], "a number is never used again, {form:?}");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_database_of_every_earlier_form_loses_nothing() {
    for form in FORMS {
        let dir = tempfile::tempdir().unwrap();
        let address = Database::default_address(dir.path());
        fill(&address, form).await;
        check(dir.path(), &address, form).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filled_database_of_every_earlier_form_loses_nothing_on_a_server() {
    let Some(server) = Server::shared() else { return };
    for form in FORMS.into_iter().filter(|form| *form >= FIRST_ON_POSTGRES) {
        let dir = tempfile::tempdir().unwrap();
        let address: Address = server.database().parse().unwrap();
        fill(&address, form).await;
        check(dir.path(), &address, form).await;
    }
}
