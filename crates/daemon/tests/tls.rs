//! HTTPS by certificate and key from files.

use std::{fs, path::Path, process::Command};

use aurora_daemon::{
    serve::{Bounds, Connections, listen, serve},
    tls::TlsArgs,
};
use axum::{Router, routing::get};
use http::StatusCode;
use reqwest::{Certificate, Client, Version};
use tokio_util::sync::CancellationToken;

const REQUEST: &str = "\
[req]
distinguished_name = name
x509_extensions = server
prompt = no
[name]
CN = localhost
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// Writes a certificate for `localhost` and its key; returns what clients have to trust.
fn certify(folder: &Path) -> (TlsArgs, Certificate) {
    let (cert, key, config) = (folder.join("cert.pem"), folder.join("key.pem"), folder.join("request"));
    fs::write(&config, REQUEST).unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args([Path::new("-config"), &config, Path::new("-out"), &cert, Path::new("-keyout"), &key])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let trusted = Certificate::from_pem(&fs::read(&cert).unwrap()).unwrap();
    (TlsArgs { tls_cert: Some(cert), tls_key: Some(key) }, trusted)
}

#[tokio::test]
async fn a_client_that_trusts_the_certificate_is_served_by_either_http() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let (args, certificate) = certify(folder.path());
    let listeners = listen("127.0.0.1:0".parse().unwrap()).unwrap().secured(args.load().unwrap());
    let address = listeners.local_addr().unwrap();
    let router =
        Router::new().route("/", get(|| async { "hello" })).route("/known", get(|| async { StatusCode::NOT_MODIFIED }));
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listeners, router, Connections::new(10), Bounds::default(), stop.clone()));
    let client = || Client::builder().no_proxy().tls_certs_only([certificate.clone()]);
    for (client, version) in [(client(), Version::HTTP_2), (client().http1_only(), Version::HTTP_11)] {
        let client = client.build().unwrap();
        // The second time on a connection that has been at rest.
        for _ in 0..2 {
            let answer = client.get(format!("https://{address}/")).send().await.unwrap();
            assert_eq!((answer.version(), answer.text().await.unwrap().as_str()), (version, "hello"));
        }
        let known = client.get(format!("https://{address}/known")).send().await.unwrap();
        assert_eq!((known.status(), known.headers().get("content-length")), (StatusCode::NOT_MODIFIED, None));
    }
    let stranger = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    assert!(stranger.get(format!("https://{address}/")).send().await.is_err());
    assert!(Client::builder().no_proxy().build().unwrap().get(format!("http://{address}/")).send().await.is_err());
    stop.cancel();
    served.await.unwrap();
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (args, _) = certify(folder.path());
    let error = |args: TlsArgs| args.load().unwrap_err().to_string();
    assert!(error(TlsArgs { tls_key: None, ..args.clone() }).contains("--tls-key is missing"));
    assert!(error(TlsArgs { tls_cert: args.tls_key.clone(), ..args.clone() }).contains("no certificate"));
    assert!(error(TlsArgs { tls_key: args.tls_cert.clone(), ..args.clone() }).contains("cert.pem"));
    assert!(error(TlsArgs { tls_cert: Some("/none.pem".into()), ..args }).contains("/none.pem"));
    assert!(TlsArgs::default().load().unwrap().is_none());
}
