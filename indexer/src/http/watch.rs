//! `POST /watch/give-away`: an operator settles a doubt about the root.

use aurora_daemon::problem::Problem;
use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Shared, token::Permitted};
use crate::watch::status::Figures;

/// The files that are gone will not come back: they are withdrawn once sweeps have missed them for the settle time
/// more.
///
/// # Errors
/// 401 without the token, 403 to other sites' pages, 409 when no file is gone, or another indexer watches.
pub async fn give_away(_: Permitted, State(shared): State<Shared>) -> Result<(StatusCode, Json<Value>), Problem> {
    let Figures { gone, watching, .. } = shared.watch.figures();
    if !watching {
        return Err(Problem::client(
            StatusCode::CONFLICT,
            "another indexer on this database watches the root: ask that one",
        ));
    }
    if gone == 0 {
        return Err(Problem::client(StatusCode::CONFLICT, "no file is gone: there is nothing to give away"));
    }
    shared.watch.give_away();
    Ok((StatusCode::ACCEPTED, Json(json!({"files": gone}))))
}
