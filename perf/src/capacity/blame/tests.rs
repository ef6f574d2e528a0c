//! Whose fault it is, from made-up measurements.

use super::*;

fn split(server: f64, tool: f64, tool_threads: f64) -> Option<Split> {
    Some(Split { server, tool, others: 0.0, cores: 2.0, tool_threads, requests_per_s: 100.0 })
}

fn failed(failures: &[(Failure, u64)]) -> Signs {
    Signs { failures: failures.iter().copied().collect(), ..Signs::default() }
}

fn told(numbers: &[(&str, f64)]) -> BTreeMap<String, Said> {
    numbers.iter().map(|(name, highest)| ((*name).to_owned(), Said { highest: *highest, grew: 0.0 })).collect()
}

fn limits(signs: &Signs) -> Vec<Limit> {
    signs.evidence().iter().map(|evidence| evidence.limit).collect()
}

#[test]
fn processors_are_told_by_who_used_them() {
    let of = |split| limits(&Signs { split, late_ms: 80.0, ..Signs::default() });
    assert_eq!(of(split(1.9, 0.1, 0.1)), [Limit::Processor]);
    assert_eq!(of(split(0.7, 1.2, 0.6)), [Limit::Machine]);
    assert_eq!(of(split(0.3, 1.0, 1.0)), [Limit::Tool], "cores were left, its thread was full");
    assert_eq!(of(split(0.3, 0.3, 0.3)), [Limit::Tool], "late though nothing was full");
    assert_eq!(limits(&Signs { split: split(0.3, 0.3, 0.3), ..Signs::default() }), []);
    assert_eq!(limits(&failed(&[(Failure::OwnPorts, 3)])), [Limit::Tool]);
}

#[test]
fn a_full_queue_is_told_from_an_origin_that_is_left_alone() {
    let shed = |grew| {
        let health = BTreeMap::from([("queue.shed".to_owned(), Said { highest: 500.0, grew })]);
        limits(&Signs { health, ..failed(&[(Failure::Overloaded, 100)]) })
    };
    assert_eq!(shed(98.0), [Limit::Queue]);
    assert_eq!(shed(0.0), [Limit::Origin], "500 were turned away before the time judged");
    assert_eq!(shed(10.0), [Limit::Queue, Limit::Origin]);
    assert_eq!(limits(&failed(&[(Failure::Overloaded, 100)])), [Limit::Queue], "a server that counts nothing");
    let waiting = Signs { health: told(&[("queue.depth", 60.0), ("queue.limit", 64.0)]), ..Signs::default() };
    assert_eq!(limits(&waiting), [Limit::Queue]);
    assert_eq!(limits(&failed(&[(Failure::ServerError, 1)])), [Limit::Origin]);
}

#[test]
fn a_server_at_its_budget_has_memory_left() {
    const MIB: f64 = 1_048_576.0;
    let at = |rss_mib: f64, connections: f64| {
        let numbers =
            [("memory.rss", rss_mib * MIB), ("memory.budget", 256.0 * MIB), ("connections.open", connections)];
        limits(&Signs { health: told(&numbers), ..Signs::default() })
    };
    assert_eq!(at(270.0, 10.0), []);
    assert_eq!(at(300.0, 10.0), [Limit::Memory]);
    assert_eq!(at(300.0, 2000.0), [], "connections take memory too");
    assert_eq!(limits(&Signs { machine_mb: (7900.0, 8000.0), ..Signs::default() }), [Limit::Memory]);
}

#[test]
fn descriptors_time_and_connections_are_named() {
    let signs = Signs { health: told(&[("fds.open", 950.0), ("fds.limit", 1024.0)]), ..Signs::default() };
    assert_eq!(limits(&signs), [Limit::Descriptors]);
    assert_eq!(signs.evidence()[0].text(Language::Pt), "950 de 1024 descritores abertos");
    let signs = failed(&[(Failure::Timeout, 2), (Failure::Reset, 1), (Failure::ClientError, 1)]);
    assert_eq!(limits(&signs), [Limit::Timeout, Limit::Connections]);
    assert_eq!(signs.evidence()[0].text(Language::Pt), "2 pedidos esgotaram o tempo");
}
