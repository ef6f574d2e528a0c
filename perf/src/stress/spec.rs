//! Stages and requests from a TOML file.

use std::{fs, path::Path};

use serde::Deserialize;

use super::Template;
use crate::{
    Error,
    load::{Stage, Stages},
};

/// What a file may hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// `"30s:50"` and so on.
    #[serde(default)]
    stages: Vec<String>,
    /// Templated requests.
    #[serde(default)]
    request: Vec<Template>,
}

impl Spec {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Plan`] with what is wrong, also where the file is not there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Plan { what: path.display().to_string(), reason };
        let text = fs::read_to_string(path).map_err(|cause| wrong(cause.to_string()))?;
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The stages, if it has any.
    ///
    /// # Errors
    /// [`Error::Plan`] for a stage that is none.
    pub fn stages(&self) -> Result<Option<Stages>, Error> {
        let stage = |text: &String| text.parse().map_err(|reason| Error::Plan { what: "stages".to_owned(), reason });
        let stages: Vec<Stage> = self.stages.iter().map(stage).collect::<Result<_, _>>()?;
        Ok((!stages.is_empty()).then_some(Stages(stages)))
    }

    /// The requests; addresses that begin with a slash are the server's.
    pub fn requests(&self, server: &str) -> Vec<Template> {
        let absolute = |template: &Template| {
            let mut template = template.clone();
            if template.url.starts_with('/') {
                template.url.insert_str(0, server);
            }
            template
        };
        self.request.iter().map(absolute).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<Spec, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Spec::open(file.path())
    }

    #[test]
    fn a_file_describes_stages_and_requests() {
        let text = r#"
            stages = ["5s:10", "5s:0"]
            [[request]]
            name = "memorize"
            method = "POST"
            url = "/memorize"
            headers = { "X-API-Key" = "k" }
            body = '{"note": "{text:3}"}'
            checks = [{ name = "durable", pointer = "/memory_id" }]
        "#;
        let spec = spec(text).unwrap();
        assert_eq!(spec.stages().unwrap().unwrap().peak(), 10.0);
        let requests = spec.requests("http://s");
        assert_eq!(requests[0].url, "http://s/memorize");
        requests[0].check().unwrap();
    }

    #[test]
    fn a_file_that_is_not_there_is_a_wrong_flag() {
        let error = Spec::open(Path::new("/no/such.toml")).unwrap_err();
        assert!(error.is_of_flags() && error.to_string().contains("/no/such.toml: No such file"), "{error}");
    }

    #[test]
    fn unknown_keys_and_stages_are_refused() {
        assert!(spec("stagse = []").unwrap_err().to_string().contains("stagse"));
        assert!(spec("stages = ['x']").unwrap().stages().is_err());
    }
}
