//! The forms in which `slurmrestd` is asked and answers, by the version that is spoken. It asks nothing itself.

use std::{collections::BTreeSet, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Wishes, memory_mib, time_minutes, verdict};
use crate::work::local::Limits;

/// From this version on environments and states are lists, and limits may be set or not.
const LISTS_FROM: u32 = 39;

/// From this version on the script belongs to the job.
const SCRIPT_IN_JOB_FROM: u32 = 40;

/// Its list of jobs.
#[derive(Deserialize)]
pub(super) struct Jobs {
    #[serde(default)]
    pub(super) jobs: Vec<Job>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct Job {
    pub(super) job_id: u64,
    #[serde(default)]
    pub(super) name: String,
    pub(super) job_state: Value,
    #[serde(default)]
    state_reason: Option<String>,
    /// Says more than the reason, where there is more to say.
    #[serde(default)]
    state_description: Option<String>,
}

impl Job {
    pub(super) fn reason(&self) -> &str {
        let said = [&self.state_description, &self.state_reason].into_iter().flatten();
        said.map(String::as_str).find(|text| !text.is_empty()).unwrap_or_default()
    }
}

/// Whether a submission's answer gives the job a number.
pub(super) fn is_taken(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Submitted {
        job_id: u64,
    }
    serde_json::from_slice::<Submitted>(answer).is_ok_and(|submitted| submitted.job_id > 0)
}

/// What an answer complains of, if it does.
pub(super) fn complaints(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Complaints {
        #[serde(default)]
        errors: Vec<Complaint>,
    }
    #[derive(Deserialize)]
    struct Complaint {
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        description: Option<String>,
    }
    let said: Complaints = serde_json::from_slice(answer).ok()?;
    let texts = said
        .errors
        .into_iter()
        .map(|one| [one.error, one.description].into_iter().flatten().collect::<Vec<_>>().join(": "));
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The versions that an OpenAPI document has the jobs' paths of.
pub(super) fn versions(document: &Value) -> BTreeSet<u32> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::keys);
    paths.filter_map(|path| path.strip_prefix("/slurm/v0.0.")?.split_once('/')?.0.parse().ok()).collect()
}

/// A word, or of a list the first that is not over: a completed job may still be completing.
pub(super) fn state(value: &Value) -> &str {
    match value {
        Value::Array(states) => {
            let mut words = states.iter().filter_map(Value::as_str);
            let first = words.next().unwrap_or_default();
            if verdict::is_over(first) { words.find(|word| *word == "COMPLETING").unwrap_or(first) } else { first }
        }
        word => word.as_str().unwrap_or_default(),
    }
}

/// What is sent to submit `script` as a job called `name` that begins in `folder`.
pub(super) fn submission(
    version: u32,
    name: &str,
    script: &str,
    folder: &Path,
    wishes: &Wishes,
    limits: &Limits,
) -> Value {
    let number = |number: u64| match version {
        LISTS_FROM.. => json!({"set": true, "number": number}),
        _ => json!(number),
    };
    let mut job = json!({
        "name": name,
        "environment": environment(version),
        "current_working_directory": folder,
        "standard_output": "/dev/null",
        "time_limit": number(time_minutes(limits)),
        "memory_per_node": number(memory_mib(limits)),
        "requeue": false,
    });
    let (gres_name, gres) = match version {
        // Several resources are parted by commas, each with its kind before it.
        LISTS_FROM.. => {
            ("tres_per_node", wishes.gres.as_ref().map(|gres| format!("gres:{}", gres.replace(',', ",gres:"))))
        }
        _ => ("gres", wishes.gres.clone()),
    };
    for (name, value) in [("partition", &wishes.partition), ("account", &wishes.account), (gres_name, &gres)] {
        if let Some(value) = value {
            job[name] = json!(value);
        }
    }
    if let Some(cpus) = wishes.cpus {
        job["cpus_per_task"] = json!(cpus);
    }
    if version < SCRIPT_IN_JOB_FROM {
        return json!({"script": script, "job": job});
    }
    job["script"] = json!(script);
    json!({ "job": job })
}

/// The indexer's, as `sbatch` passes it on, without the indexer's own settings and secrets.
fn environment(version: u32) -> Value {
    let is_passed_on = |name: &str| !name.starts_with("AURORA_") && name != "SLURM_JWT";
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables = variables.filter(|(name, _)| is_passed_on(name));
    if version < LISTS_FROM {
        return variables.map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>().into();
    }
    variables.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::{super::super::cluster::Failure, *};

    fn limits() -> Limits {
        let second = std::time::Duration::from_secs(1);
        Limits { time: second * 60, memory_bytes: 1 << 30, nice: 0, log_bytes: 100, grace: second }
    }

    #[test]
    fn a_job_is_written_as_each_version_wants_it() {
        let (gres, partition) = (Some("gpu:1,license:2".to_owned()), Some("gpu".to_owned()));
        let account = Some("sea".to_owned());
        let wishes = Wishes { gres, partition, account, cpus: Some(4), ..Wishes::default() };
        let written = |version| submission(version, "aurora-a", "#!/bin/sh", Path::new("/f"), &wishes, &limits());
        let old = written(38);
        assert_eq!((&old["script"], &old["job"]["time_limit"]), (&json!("#!/bin/sh"), &json!(2)));
        assert_eq!(old["job"]["gres"], "gpu:1,license:2");
        assert!(old["job"]["environment"]["PATH"].is_string());
        let wished = (&old["job"]["partition"], &old["job"]["account"], &old["job"]["cpus_per_task"]);
        assert_eq!(wished, (&json!("gpu"), &json!("sea"), &json!(4)));
        let unwished = submission(38, "a", "", Path::new("/f"), &Wishes::default(), &limits());
        assert!(["partition", "account", "cpus_per_task"].iter().all(|name| unwished["job"].get(name).is_none()));
        let new = written(41);
        assert_eq!(new["job"]["tres_per_node"], "gres:gpu:1,gres:license:2");
        assert_eq!((&new["job"]["script"], new.get("script")), (&json!("#!/bin/sh"), None));
        assert_eq!(new["job"]["memory_per_node"], json!({"set": true, "number": 1024}));
        assert!(
            new["job"]["environment"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().starts_with("PATH="))
        );
    }

    #[test]
    fn states_are_words_or_lists() {
        assert_eq!((state(&json!("RUNNING")), state(&json!(["PENDING"]))), ("RUNNING", "PENDING"));
        assert_eq!(state(&json!(["COMPLETED", "COMPLETING"])), "COMPLETING");
        assert_eq!((state(&json!(["FAILED"])), state(&json!(null)), state(&json!([]))), ("FAILED", "", ""));
    }

    #[test]
    fn the_newest_version_is_found_among_the_paths() {
        let document =
            json!({"paths": {"/slurm/v0.0.38/jobs/": {}, "/slurm/v0.0.37/job/{job_id}": {}, "/slurmdb/v0.0.40/x": {}}});
        assert_eq!(versions(&document).into_iter().collect::<Vec<_>>(), [37, 38]);
    }

    #[test]
    fn complaints_are_found_in_any_answer() {
        let said = complaints(br#"{"errors":[{"error":"Unable to contact slurm controller","errno":1}]}"#).unwrap();
        assert!(matches!(Failure::said(&said), Failure::Away(_)));
        assert_eq!((complaints(br#"{"errors":[]}"#), complaints(b"no JSON")), (None, None));
        let down = br#"{"errors":[{"error":"Required node not available (down, drained or reserved)"}],"job_id":7}"#;
        assert!(is_taken(down) && complaints(down).is_some() && !is_taken(br#"{"errors":[],"job_id":0}"#));
    }
}
