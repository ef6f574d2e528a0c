//! Who looks at what, in which order: the operator's test as a list.

use serde::{Deserialize, Serialize};

use crate::user::WalkKind;

/// The kinds of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// One user, one scene.
    Individual,
    /// Several users, all on the first scene.
    SameScene,
    /// Several users, each on another scene, straight after the group before.
    OtherScenes,
    /// Several users with two scenes each side by side.
    TwoScenes,
}

/// Some users and what they do one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Kind of session.
    pub group: Group,
    /// Which of its kind, from 1.
    pub ordinal: usize,
    /// For each user, the scenes shown, by index.
    pub users: Vec<Vec<usize>>,
    /// Whether the operator restarted the server before it.
    pub fresh: bool,
    /// Walks in order.
    pub walks: Vec<WalkKind>,
}

/// Scenes needed for each user of the sessions with several to have one that nobody looked at together.
pub const SCENES_WANTED: usize = 4;
/// The operator tried two scenes one by one.
const INDIVIDUAL_SCENES: usize = 2;

/// The sessions for this many scenes (at least 1) and users; with few scenes they repeat.
pub fn plan(scene_count: usize, user_count: usize) -> Vec<Session> {
    use WalkKind::{Free, Initial, Move, Page, Zoom};
    let all = |scenes_of: &dyn Fn(usize) -> Vec<usize>| -> Vec<Vec<usize>> {
        let wrapped = |user| scenes_of(user).into_iter().map(|scene| scene % scene_count).collect();
        (0..user_count).map(wrapped).collect()
    };
    let together = |group, fresh, users| Session { group, ordinal: 1, users, fresh, walks: vec![Page, Initial, Free] };
    let alone = |scene| Session {
        group: Group::Individual,
        ordinal: scene + 1,
        users: vec![vec![scene]],
        fresh: true,
        walks: vec![Page, Initial, Zoom, Move, Free],
    };
    let mut sessions: Vec<_> = (0..scene_count.min(INDIVIDUAL_SCENES)).map(alone).collect();
    sessions.push(together(Group::SameScene, true, all(&|_| vec![0])));
    sessions.push(together(Group::OtherScenes, false, all(&|user| vec![user + 1])));
    sessions.push(together(Group::TwoScenes, true, all(&|user| vec![user, user + 1])));
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_scenes_give_the_operators_test() {
        let sessions = plan(4, 3);
        let groups: Vec<_> = sessions.iter().map(|session| (session.group, session.ordinal)).collect();
        assert_eq!(
            groups,
            [
                (Group::Individual, 1),
                (Group::Individual, 2),
                (Group::SameScene, 1),
                (Group::OtherScenes, 1),
                (Group::TwoScenes, 1),
            ]
        );
        assert_eq!(sessions[3].users, [[1], [2], [3]]);
        assert_eq!(sessions[4].users, [[0, 1], [1, 2], [2, 3]]);
        assert_eq!(sessions[0].walks.len(), 5);
        let fresh: Vec<_> = sessions.iter().map(|session| session.fresh).collect();
        assert_eq!(fresh, [true, true, true, false, true], "reanalysis goes on without a restart");
    }

    #[test]
    fn one_scene_is_enough() {
        let sessions = plan(1, 3);
        assert_eq!(sessions.len(), 4);
        assert!(sessions.iter().flat_map(|session| &session.users).flatten().all(|scene| *scene == 0));
    }
}
