//! Who may change anything on loopback, and where health is asked when the crowd is large.

use std::{fs, net::TcpListener};

use crate::support::{COPY, Indexer, request, tiff};

#[test]
fn other_sites_pages_change_nothing_and_read_all() {
    let indexer = Indexer::start("exit 65", &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let id = indexer.job_in("a.tif", "failed")["job_id"].as_str().unwrap().to_owned();
    let cancel = format!("/jobs/{id}/cancel");
    for foreign in [("Origin", "http://evil.example"), ("Host", "evil.example"), ("Origin", "null")] {
        for path in [cancel.as_str(), &format!("/jobs/{id}/retry"), "/watch/give-away"] {
            let refused = request(indexer.address, "POST", path, &[foreign]);
            let said = String::from_utf8_lossy(&refused.body).into_owned();
            assert_eq!(refused.status, 403, "{path} {foreign:?}: {said}");
            assert!(said.contains(foreign.0) && said.contains(foreign.1), "{said}");
        }
        assert_eq!(request(indexer.address, "GET", "/jobs", &[foreign]).status, 200, "{foreign:?}");
    }
    assert_eq!(indexer.json(&format!("/jobs/{id}"))["state"], "failed", "nothing has moved");
    let own = format!("http://{}", indexer.address);
    assert_eq!(request(indexer.address, "POST", &cancel, &[("Origin", &own)]).status, 200);
}

#[test]
fn an_address_of_its_own_tells_how_things_are_and_nothing_else() {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let indexer = Indexer::start(COPY, &["--admin-listen", &admin.to_string()]);
    for path in ["/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(request(admin, "GET", path, &[]).status, 200, "{path}");
    }
    for path in ["/files/", "/jobs", "/catalog/changes"] {
        assert_eq!(request(admin, "GET", path, &[]).status, 404, "{path}");
        assert_eq!(indexer.get(path).status, 200, "{path}");
    }
}
