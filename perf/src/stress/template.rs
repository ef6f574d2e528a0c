//! A request with generated fields, what its answer must be, and how answers are checked.

use std::{collections::BTreeMap, str::FromStr, sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::generator::{Generator, Pattern};
use crate::{
    Error,
    client::{Answer, Ask, Failure},
    measure::Tally,
};

/// A templated request. Texts may hold generated fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// What it is called in reports.
    pub name: String,
    /// `GET` by default.
    #[serde(default = "get")]
    pub method: String,
    /// Absolute address.
    pub url: String,
    /// Headers by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default)]
    pub body: String,
    /// How often it is chosen beside others.
    #[serde(default = "one")]
    pub weight: f64,
    /// Statuses that are no failure; 200 to 299 when none is given.
    #[serde(default)]
    pub expect_status: Vec<u16>,
    /// What else to look at in each answer. A check that fails makes no request fail.
    #[serde(default)]
    pub checks: Vec<Check>,
    #[serde(skip)]
    parsed: OnceLock<Parsed>,
}

/// One thing looked at in an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it is called in reports.
    pub name: String,
    /// The status.
    pub status: Option<u16>,
    /// A text in the body.
    pub contains: Option<String>,
    /// A JSON pointer (RFC 6901) that leads to something in the body.
    pub pointer: Option<String>,
    /// Milliseconds from the first try to the answer.
    pub below_ms: Option<f64>,
}

#[derive(Clone, Debug)]
struct Parsed {
    method: Method,
    url: Pattern,
    headers: Vec<(HeaderName, Pattern)>,
    body: Pattern,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> f64 {
    1.0
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.method, &self.url, &self.body) == (&other.name, &other.method, &other.url, &other.body)
            && self.headers == other.headers
            && self.checks == other.checks
    }
}

impl Template {
    /// A plain request.
    pub fn new(name: &str, method: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            method: method.to_owned(),
            url: url.to_owned(),
            headers: BTreeMap::new(),
            body: String::new(),
            weight: one(),
            expect_status: Vec::new(),
            checks: Vec::new(),
            parsed: OnceLock::new(),
        }
    }

    /// Whether it can be filled.
    ///
    /// # Errors
    /// [`Error::Plan`] with what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if !self.weight.is_finite() || self.weight < 0.0 {
            return Err(self.wrong("its weight must be a number from 0 on".to_owned()));
        }
        if let Some(check) = self.checks.iter().find(|check| check.looks_at_nothing()) {
            let reason = format!("its check `{}` needs a status, contains, pointer or below_ms", check.name);
            return Err(self.wrong(reason));
        }
        self.fill(&mut Generator::new(0, 0)).map(|_| ())
    }

    /// A request with its fields generated.
    ///
    /// # Errors
    /// [`Error::Plan`] with what is wrong.
    pub fn fill(&self, generator: &mut Generator) -> Result<Ask, Error> {
        let parsed = match self.parsed.get() {
            Some(parsed) => parsed,
            None => {
                let parsed = self.parse()?;
                self.parsed.get_or_init(|| parsed)
            }
        };
        generator.advance();
        let mut ask = Ask::get(&parsed.url.fill(generator))?;
        ask.method = parsed.method.clone();
        for (name, value) in &parsed.headers {
            let value = HeaderValue::from_str(&value.fill(generator));
            ask.headers.insert(name.clone(), value.map_err(|error| self.wrong(format!("{name}: {error}")))?);
        }
        ask.body = Bytes::from(parsed.body.fill(generator));
        ask.keep_body = self.checks.iter().any(|check| check.contains.is_some() || check.pointer.is_some());
        Ok(ask)
    }

    fn parse(&self) -> Result<Parsed, Error> {
        let headers = self.headers.iter().map(|(name, value)| {
            let name = HeaderName::from_str(name).map_err(|error| self.wrong(format!("{name}: {error}")))?;
            Ok((name, Pattern::parse(value)?))
        });
        let mut headers: Vec<_> = headers.collect::<Result<_, Error>>()?;
        let is_json = self.body.trim_start().starts_with(['{', '[']);
        if is_json && !headers.iter().any(|(name, _)| name == http::header::CONTENT_TYPE) {
            headers.push((http::header::CONTENT_TYPE, Pattern::parse("application/json")?));
        }
        let method = Method::from_str(&self.method).map_err(|error| self.wrong(format!("{}: {error}", self.method)))?;
        Ok(Parsed { method, url: Pattern::parse(&self.url)?, headers, body: Pattern::parse(&self.body)? })
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Plan { what: format!("request `{}`", self.name), reason }
    }

    /// Whether an answer's status is one that is expected.
    ///
    /// # Errors
    /// The class of the failure.
    pub fn judge(&self, answer: &Answer) -> Result<(), Failure> {
        let expected = match self.expect_status.is_empty() {
            true => (200..300).contains(&answer.status),
            false => self.expect_status.contains(&answer.status),
        };
        if expected { Ok(()) } else { Err(Failure::of_status(answer.status)) }
    }

    /// Counts the checks of an answer, or of none.
    pub fn count_checks(&self, answer: Option<&Answer>, took: Duration, tally: &mut Tally) {
        for check in &self.checks {
            tally.check(&check.name, answer.is_some_and(|answer| check.holds(answer, took)));
        }
    }
}

impl Check {
    /// Whether it would pass whatever came.
    fn looks_at_nothing(&self) -> bool {
        self.status.is_none() && self.contains.is_none() && self.pointer.is_none() && self.below_ms.is_none()
    }

    fn holds(&self, answer: &Answer, took: Duration) -> bool {
        let status = self.status.is_none_or(|status| answer.status == status);
        let contains = self.contains.as_deref().is_none_or(|text| {
            answer.body.windows(text.len().max(1)).any(|window| window == text.as_bytes()) || text.is_empty()
        });
        let pointer = self.pointer.as_deref().is_none_or(|pointer| {
            let json: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
            json.is_ok_and(|json| json.pointer(pointer).is_some())
        });
        let quick = self.below_ms.is_none_or(|ms| took.as_secs_f64() * 1000.0 < ms);
        status && contains && pointer && quick
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::client::Timing;

    fn template() -> Template {
        let mut template = Template::new("memorize", "POST", "http://s/memorize/{user}");
        template.body = r#"{"agent_id": "a{int:1:1}"}"#.to_owned();
        template.headers.insert("X-API-Key".to_owned(), "key".to_owned());
        template.checks = vec![Check {
            name: "has an id".to_owned(),
            status: Some(200),
            contains: None,
            pointer: Some("/memory_id".to_owned()),
            below_ms: None,
        }];
        template
    }

    fn answer(status: u16, body: &'static str) -> Answer {
        let (headers, timing) = (HeaderMap::new(), Timing::default());
        Answer { status, headers, body: Bytes::from(body), body_bytes: body.len() as u64, timing }
    }

    #[test]
    fn a_template_becomes_a_request() {
        let ask = template().fill(&mut Generator::new(3, 1)).unwrap();
        assert_eq!((ask.method, ask.uri.to_string().as_str()), (Method::POST, "http://s/memorize/3"));
        assert_eq!(&ask.body[..], br#"{"agent_id": "a1"}"#);
        assert_eq!(ask.headers["content-type"], "application/json");
        assert!(ask.headers.contains_key("x-api-key") && ask.keep_body);
    }

    #[test]
    fn answers_are_judged_and_checked_apart() {
        let template = template();
        assert!(template.judge(&answer(201, "{}")).is_ok());
        assert_eq!(template.judge(&answer(503, "")), Err(Failure::Overloaded));
        let mut tally = Tally::default();
        template.count_checks(Some(&answer(200, r#"{"memory_id": "m"}"#)), Duration::ZERO, &mut tally);
        template.count_checks(Some(&answer(200, "{}")), Duration::ZERO, &mut tally);
        template.count_checks(None, Duration::ZERO, &mut tally);
        let check = tally.checks["has an id"];
        assert_eq!((check.passes, check.fails), (1, 2));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_beforehand() {
        for (name, url) in [("a\nb", "http://s/"), ("ok", "no address"), ("ok", "ftp://s/")] {
            let mut template = Template::new("t", "GET", url);
            template.headers.insert(name.to_owned(), "x".to_owned());
            assert!(template.check().is_err(), "{name} {url}");
        }
        let mut template = template();
        template.checks[0] = Check { status: None, pointer: None, ..template.checks[0].clone() };
        let refused = template.check().unwrap_err().to_string();
        assert!(refused.contains("`has an id` needs"), "{refused}");
    }
}
