//! An indexer that other hosts reach, by HTTPS: anybody reads, and what changes anything needs the token.

// Of what is shared only a little is needed here.
mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, Method, Response, StatusCode};
use serde_json::Value;
use support::{PATIENCE, tiff};

const REQUEST: &str = "\
[req]
distinguished_name = name
x509_extensions = server
prompt = no
[name]
CN = localhost
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
";

/// The indexer on all addresses, under a certificate of its own, with a scene that its command refuses.
struct Reachable {
    dir: tempfile::TempDir,
    url: String,
    client: Client,
    child: Child,
}

impl Reachable {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("root")).unwrap();
        fs::write(at("root/a.tif"), tiff(1)).unwrap();
        fs::write(at("token"), "s3cret\n").unwrap();
        certify(dir.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
            .arg("--root")
            .arg(at("root"))
            .arg("--state")
            .arg(at("state"))
            .args(["--listen", &format!("0.0.0.0:{port}"), "--settle", "300ms"])
            .args(["--command", "/bin/sh -c 'exit 65' sh {input} {output_dir}"])
            .args([Path::new("--token-file"), &at("token"), Path::new("--tls-cert"), &at("cert.pem")])
            .args([Path::new("--tls-key"), &at("key.pem")])
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = Certificate::from_pem(&fs::read(at("cert.pem")).unwrap()).unwrap();
        let client = Client::builder().tls_certs_merge([trusted]).build().unwrap();
        Self { dir, url: format!("https://127.0.0.1:{port}"), client, child }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> reqwest::Result<Response> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await
    }

    /// The id of the scene's job once it is `state`, which anybody may see.
    async fn job_in(&self, state: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no job is {state}: {}", self.log());
            if let Ok(answer) = self.ask(Method::GET, &format!("/jobs?state={state}"), &[]).await {
                let page: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                if let Some(id) = page["jobs"][0]["job_id"].as_str() {
                    return id.to_owned();
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn by_shell(&self, words: &[&str], files: &[(&str, PathBuf)]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_aurora-indexer"));
        program.arg("jobs").args(words).args(["--indexer", &self.url]);
        for (flag, file) in files {
            program.arg(flag).arg(file);
        }
        program.output().unwrap()
    }
}

impl Drop for Reachable {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a certificate for this address, and its key.
fn certify(folder: &Path) {
    let config = folder.join("request");
    fs::write(&config, REQUEST).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args([Path::new("-config"), &config, Path::new("-out"), &folder.join("cert.pem")])
        .args([Path::new("-keyout"), &folder.join("key.pem")])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test]
async fn what_changes_anything_needs_the_token() {
    let indexer = Reachable::start().await;
    let id = indexer.job_in("failed").await;
    let changes = [format!("/jobs/{id}/cancel"), format!("/jobs/{id}/retry"), "/watch/give-away".to_owned()];
    for path in &changes {
        for headers in [&[][..], &[("authorization", "Bearer s3cres")], &[("authorization", "Bearer s3cret2")]] {
            let refused = indexer.ask(Method::POST, path, headers).await.unwrap();
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{path} {headers:?}");
            assert_eq!(refused.headers()["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(indexer.job_in("failed").await, id, "nothing has moved");
    // There is nothing to be given away, which only those learn who may.
    for (path, expected) in changes.iter().zip([StatusCode::OK, StatusCode::OK, StatusCode::CONFLICT]) {
        let done = indexer.ask(Method::POST, path, &[("authorization", "bearer s3cret")]).await.unwrap();
        assert_eq!(done.status(), expected, "{path}");
    }
    assert_eq!(indexer.job_in("failed").await, id, "it ran anew");
}

#[tokio::test]
async fn ranges_are_read_and_jobs_moved_by_https() {
    let indexer = Reachable::start().await;
    let id = indexer.job_in("failed").await;
    let part = indexer.ask(Method::GET, "/files/a.tif", &[("range", "bytes=2-9")]).await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let length = tiff(1).len();
    assert_eq!(part.headers()["content-range"], format!("bytes 2-9/{length}"));
    assert_eq!(part.bytes().await.unwrap(), tiff(1)[2..10]);

    let (ca, token) = (indexer.dir.path().join("cert.pem"), indexer.dir.path().join("token"));
    let listed = indexer.by_shell(&["list"], &[("--ca", ca.clone())]);
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains(&id), "{listed:?}");
    assert!(!indexer.by_shell(&["list"], &[]).status.success(), "a certificate that nobody knows is trusted");
    assert!(!indexer.by_shell(&["list"], &[("--ca", token.clone())]).status.success(), "that is no certificate");
    let refused = indexer.by_shell(&["retry", &id], &[("--ca", ca.clone())]);
    assert!(!refused.status.success(), "{refused:?}");
    let retried = indexer.by_shell(&["retry", &id], &[("--ca", ca), ("--token-file", token)]);
    assert!(retried.status.success(), "{retried:?}");
}
