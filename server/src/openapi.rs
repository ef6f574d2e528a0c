//! `/openapi.json`: the server's addresses as an OpenAPI 3.0.3 document, made from the same table as the router.
//!
//! [`Table`] takes each address once, with its handler and what is to be said of it; so nothing is served that is not
//! described. Shapes of answers stand in `openapi/schemas.json`, query parameters in [`parameters`]. Its caller is
//! [`crate::routes`].

pub(crate) mod parameters;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use crate::app::App;
use parameters::Parameter;

/// Named shapes of answers and bodies.
const SCHEMAS: &str = include_str!("openapi/schemas.json");

/// What one address does.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    method: &'static str,
    /// As they are described; the router may take several of them by one pattern.
    paths: Vec<String>,
    tag: &'static str,
    summary: &'static str,
    query: Vec<Parameter>,
    body: Option<&'static str>,
    /// Media types of the answer, with the name of its schema, if it is JSON.
    answers: Vec<(&'static str, Option<&'static str>)>,
    problems: Vec<u16>,
    is_validated: bool,
}

impl Operation {
    /// One that answers in JSON of that schema.
    pub(crate) fn json(summary: &'static str, schema: &'static str) -> Self {
        Self::answering(summary, &[("application/json", Some(schema))])
    }

    /// One that answers in GeoJSON of that schema.
    pub(crate) fn geojson(summary: &'static str, schema: &'static str) -> Self {
        Self::answering(summary, &[("application/geo+json", Some(schema))])
    }

    /// One that answers in something that is not JSON.
    pub(crate) fn media(summary: &'static str, media_types: &[&'static str]) -> Self {
        let answers: Vec<_> = media_types.iter().map(|&name| (name, None)).collect();
        Self::answering(summary, &answers)
    }

    fn answering(summary: &'static str, answers: &[(&'static str, Option<&'static str>)]) -> Self {
        Self {
            method: "get",
            paths: Vec::new(),
            tag: "",
            summary,
            query: Vec::new(),
            body: None,
            answers: answers.to_vec(),
            problems: vec![400],
            is_validated: false,
        }
    }

    /// May answer in these media types instead.
    pub(crate) fn or_media(mut self, media_types: &[&'static str]) -> Self {
        self.answers.extend(media_types.iter().map(|&name| (name, None)));
        self
    }

    /// Takes these query parameters.
    pub(crate) fn query(mut self, parameters: &[&[Parameter]]) -> Self {
        self.query.extend(parameters.concat());
        self
    }

    /// Takes a body of that schema.
    pub(crate) fn body(mut self, schema: &'static str) -> Self {
        self.body = Some(schema);
        self.problems.extend([408, 413, 415]);
        self
    }

    /// May answer with these problems, beside 400.
    pub(crate) fn problems(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(statuses);
        self
    }

    /// Carries an ETag, and answers `304` to those who have it.
    pub(crate) fn validated(mut self) -> Self {
        self.is_validated = true;
        self
    }

    /// Is described under these paths instead of the router's pattern.
    pub(crate) fn described_as(mut self, paths: &[&str]) -> Self {
        self.paths = paths.iter().map(|&path| path.to_owned()).collect();
        self
    }
}

/// The router and its description.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) router: Router<Arc<App>>,
    operations: Vec<Operation>,
    /// What the paths of its addresses begin with, and the parameters that all of them take.
    prefix: &'static str,
    parameters: Vec<Parameter>,
}

impl Table {
    /// An empty one whose addresses lie below `prefix`, each with these parameters. The router gets them whole: one
    /// that is nested would take every request's path apart and put it together again.
    pub(crate) fn below(prefix: &'static str, parameters: &[Parameter]) -> Self {
        Self { prefix, parameters: parameters.to_vec(), ..Self::default() }
    }

    /// `GET` (and `HEAD`) of `path`.
    pub(crate) fn get<H, T>(mut self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.router = self.router.route(&format!("{}{path}", self.prefix), get(handler));
        self.describe("get", path, operation)
    }

    /// `POST` to `path`.
    pub(crate) fn post<H, T>(mut self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, Arc<App>>,
        T: 'static,
    {
        self.router = self.router.route(&format!("{}{path}", self.prefix), post(handler));
        self.describe("post", path, operation)
    }

    /// Describes what the router has in another form.
    pub(crate) fn describe(mut self, method: &'static str, path: &str, mut operation: Operation) -> Self {
        operation.method = method;
        if operation.paths.is_empty() {
            operation.paths.push(path.to_owned());
        }
        operation.paths.iter_mut().for_each(|path| path.insert_str(0, self.prefix));
        operation.query.splice(0..0, self.parameters.iter().cloned());
        self.operations.push(operation);
        self
    }

    /// The group that all its addresses belong to.
    pub(crate) fn tagged(mut self, tag: &'static str) -> Self {
        self.operations.iter_mut().for_each(|operation| operation.tag = tag);
        self
    }

    /// Any of its addresses may answer with these problems, too.
    pub(crate) fn problems(mut self, statuses: &[u16]) -> Self {
        self.operations.iter_mut().for_each(|operation| operation.problems.extend(statuses));
        self
    }

    /// What can be got here has an ETag, and `304` for who knows it.
    pub(crate) fn validated(mut self) -> Self {
        let got = self.operations.iter_mut().filter(|operation| operation.method == "get");
        got.for_each(|operation| operation.is_validated = true);
        self
    }

    /// Everything of both.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// The same with other layers round its router.
    pub(crate) fn layered(mut self, layer: impl FnOnce(Router<Arc<App>>) -> Router<Arc<App>>) -> Self {
        self.router = layer(self.router);
        self
    }

    /// The OpenAPI document of everything here.
    pub(crate) fn document(&self) -> Value {
        let mut paths = Map::new();
        for operation in &self.operations {
            for path in &operation.paths {
                let methods = paths.entry(path.clone()).or_insert_with(|| json!({}));
                methods[operation.method] = operation.document(path);
            }
        }
        let schemas: Value = serde_json::from_str(SCHEMAS).expect("the schemas compiled in are checked by a test");
        json!({
            "openapi": "3.0.3",
            "info": {
                "title": "Aurora",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Map tiles of radar scenes, by TiTiler's addresses; the scenes, what was found in them, and the news of both.",
                "license": { "name": "MIT" },
            },
            "servers": [{ "url": "/" }],
            "paths": paths,
            "components": { "schemas": schemas },
        })
    }
}

impl Operation {
    fn document(&self, path: &str) -> Value {
        let in_path = placeholders(path).map(parameters::in_path);
        let parameters: Vec<Value> = in_path.chain(self.query.iter().map(Parameter::document)).collect();
        let mut document = json!({
            "tags": [self.tag],
            "summary": self.summary,
            "operationId": id(self.method, path),
            "parameters": parameters,
            "responses": self.responses(),
        });
        if let Some(schema) = self.body {
            let content = json!({ "schema": reference(schema) });
            document["requestBody"] = json!({ "required": true, "content": { "application/json": content, "application/geo+json": content } });
        }
        document
    }

    fn responses(&self) -> Value {
        let content = |&(media_type, schema): &(&str, Option<&str>)| {
            let binary = || json!({ "type": "string", "format": "binary" });
            (media_type.to_owned(), json!({ "schema": schema.map_or_else(binary, reference) }))
        };
        let content: Map<String, Value> = self.answers.iter().map(content).collect();
        let mut responses = json!({ "200": { "description": "The answer.", "content": content } });
        if self.is_validated {
            responses["200"]["headers"] = json!({
                "ETag": { "schema": { "type": "string" }, "description": "Names this version of the answer." },
                "Last-Modified": { "schema": { "type": "string" }, "description": "When it became so, if that is known." },
            });
            responses["304"] = json!({ "description": "The requester has this version already." });
        }
        for &status in &self.problems {
            responses[status.to_string()] = json!({
                "description": meaning(status),
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            });
        }
        responses
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "A bad parameter, named in `parameter`.",
        403 => "The source is not allowed.",
        404 => "No such thing, or a place outside the raster.",
        408 => "The body did not come in time.",
        413 => "Larger than a limit.",
        415 => "Not a raster that can be read, or a body that is not JSON.",
        422 => "A file that contradicts itself.",
        502 => "The source answered wrongly.",
        503 => "Overloaded or not ready, or the source cannot be reached; `Retry-After` says when to come back.",
        504 => "No answer within the deadline.",
        _ => "An internal failure.",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// Names of the variable parts of a path.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name))
}

/// Unlike any other's: the method and the words of the path.
fn id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}
