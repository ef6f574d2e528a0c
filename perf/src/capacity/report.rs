//! The search's report: what was tried, what held, what gave out, what to allow.

use std::collections::BTreeMap;

use serde_json::{Value, json as value};

use super::{Evidence, Found, Limit, RECOMMENDED_SHARE, Settings, Trial};
use crate::{
    report::{Circumstances, Document, Language, Line, Note, Part, Plot, Table, whole},
    threshold::{Threshold, judge},
};

/// `capacity.users` (the most that held; missing when none did), `capacity.recommended`, `capacity.fails`.
pub fn metrics(found: &Found) -> BTreeMap<String, f64> {
    let named = [("users", found.holds), ("recommended", found.recommended), ("fails", found.fails)];
    named.into_iter().filter_map(|(name, users)| Some((format!("capacity.{name}"), users? as f64))).collect()
}

/// The search as JSON.
pub fn json(circumstances: &Circumstances, found: &Found, document: &Document) -> Value {
    value!({
        "command": "capacity",
        "circumstances": circumstances,
        "metrics": metrics(found),
        "thresholds": document.verdicts,
        "notes": document.notes,
        "found": found,
    })
}

/// The search for people.
pub fn document(
    circumstances: &Circumstances,
    target: &str,
    settings: &Settings,
    found: &Found,
    thresholds: &[Threshold],
    mut notes: Vec<Note>,
    lang: Language,
) -> Document {
    notes.extend(found.decisive().into_iter().flat_map(|trial| trial.notes.iter().cloned()));
    notes.extend(found.bound(settings.up_to).map(|users| Note::EndedAtBound { users }));
    if found.interrupted {
        notes.push(Note::Interrupted);
    }
    let users = |users: Option<usize>| users.map_or_else(|| "–".to_owned(), |users| whole(users as u64));
    let level: Vec<_> = settings.level.iter().map(ToString::to_string).collect();
    let mut facts = vec![
        (lang.say("Target", "Alvo").to_owned(), target.to_owned()),
        (lang.say("Service level", "Nível de serviço").to_owned(), level.join(", ")),
        (lang.say("Most users that held it", "Máximo de usuários que o mantiveram").to_owned(), users(found.holds)),
        (lang.say("Fewest that did not", "Mínimo que não o manteve").to_owned(), users(found.fails)),
        (
            format!("{} ({:.0} %)", lang.say("Recommended limit", "Limite recomendado"), 100.0 * RECOMMENDED_SHARE),
            users(found.recommended),
        ),
        (lang.say("What gave out", "O que se esgotou").to_owned(), what_gave_out(settings, found, lang)),
    ];
    facts.extend(circumstances.facts(lang));
    facts.push((
        lang.say("Warm-up, time judged (s)", "Aquecimento, tempo avaliado (s)").to_owned(),
        format!("{}, {}", settings.warm_up.as_secs_f64(), settings.hold.as_secs_f64()),
    ));
    Document {
        lang,
        title: lang.say("How many users it holds", "Quantos usuários suporta").to_owned(),
        intro: lang
            .say(
                "Users grow from few until the service level no longer holds, then the search closes in to a tenth. Each number is \
                 tried once: a machine with other work on it may give another answer on another day.",
                "Os usuários crescem a partir de poucos até que o nível de serviço não se mantenha; depois a busca se aproxima a um \
                 décimo. Cada número é tentado uma vez: uma máquina com outro trabalho pode dar outra resposta em outro dia.",
            )
            .to_owned(),
        facts,
        notes,
        verdicts: judge(thresholds, &metrics(found)),
        parts: vec![Part::Plot(plot(found, lang)), Part::Table(trial_table(found, lang))],
    }
}

fn what_gave_out(settings: &Settings, found: &Found, lang: Language) -> String {
    match found.bound(settings.up_to) {
        Some(users) => {
            format!("{} {users}", lang.say("nothing: the search ended at --up-to", "nada: a busca terminou em --up-to"))
        }
        None => gave_out(&found.gave_out, lang),
    }
}

fn gave_out(evidence: &[Evidence], lang: Language) -> String {
    if evidence.is_empty() {
        return lang.say("nothing that could be seen from outside", "nada que se pudesse ver de fora").to_owned();
    }
    let told =
        |evidence: &Evidence| format!("{} ({})", limit_name(evidence.limit, lang), lang.decimals(evidence.text(lang)));
    evidence.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn limit_name(limit: Limit, lang: Language) -> &'static str {
    match limit {
        Limit::Tool => lang.say("this tool", "esta ferramenta"),
        Limit::Processor => lang.say("processor", "processador"),
        Limit::Machine => lang.say("a machine shared with others", "uma máquina dividida com outros"),
        Limit::Descriptors => lang.say("descriptors", "descritores"),
        Limit::Queue => lang.say("queue", "fila"),
        Limit::Memory => lang.say("memory", "memória"),
        Limit::Origin => lang.say("origin", "origem"),
        Limit::Timeout => lang.say("time", "tempo"),
        Limit::Connections => lang.say("connections", "conexões"),
    }
}

fn trial_table(found: &Found, lang: Language) -> Table {
    let row = |trial: &Trial| {
        let number = |name: &str, digits: usize| {
            trial.metrics.get(name).map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
        };
        vec![
            whole(trial.users as u64),
            if trial.holds { lang.say("holds", "mantém") } else { lang.say("fails", "não mantém") }.to_owned(),
            number("http_reqs.rate", 0),
            trial
                .metrics
                .get("http_req_failed")
                .map_or_else(|| "–".to_owned(), |share| format!("{:.3} %", 100.0 * share)),
            number("http_req_duration.p95", 1),
            number("viewport_complete.p95", 0),
            number("cpu_cores.server", 2),
            number("rss_mb.server", 0),
            gave_out(&trial.evidence, lang),
        ]
    };
    let head = [
        lang.say("users", "usuários"),
        "",
        lang.say("requests/s", "pedidos/s"),
        lang.say("failed", "falhas"),
        lang.say("request p95 ms", "pedido p95 ms"),
        lang.say("viewport p95 ms", "tela p95 ms"),
        lang.say("server cores", "núcleos do servidor"),
        "RSS MB",
        lang.say("at its limit", "no limite"),
    ];
    Table::new(lang.say("Tried", "Tentativas"), &head, found.trials.iter().map(row).collect())
}

fn plot(found: &Found, lang: Language) -> Plot {
    let mut trials: Vec<&Trial> = found.trials.iter().collect();
    trials.sort_by_key(|trial| trial.users);
    let line = |name: &str| {
        let point = |trial: &&Trial| Some((trial.users as f64, *trial.metrics.get(name)?));
        Line { name: name.to_owned(), points: trials.iter().filter_map(point).collect() }
    };
    let lines = ["viewport_complete.p95", "http_req_duration.p95"].map(line);
    Plot {
        title: lang.say("p95 by users, ms", "p95 por usuários, ms").to_owned(),
        x_name: lang.say("users", "usuários").to_owned(),
        lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        marks: found.holds.iter().map(|users| *users as f64).collect(),
    }
}
