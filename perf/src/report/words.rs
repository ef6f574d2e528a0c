//! The reports' words in English and Brazilian Portuguese. No other module holds a word that a reader sees.

use super::Note;
use crate::{protocol::Group, user::WalkKind};

/// Language of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Brazilian Portuguese.
    Pt,
}

/// Every word of a report.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) intro: &'static str,
    pub(super) server: &'static str,
    pub(super) peer: &'static str,
    pub(super) started: &'static str,
    pub(super) host: &'static str,
    pub(super) cores: &'static str,
    pub(super) memory: &'static str,
    pub(super) scenes: &'static str,
    pub(super) habits: &'static str,
    pub(super) notes: &'static str,
    pub(super) thresholds: &'static str,
    pub(super) plots: &'static str,
    pub(super) passed: &'static str,
    pub(super) failed: &'static str,
    pub(super) not_measured: &'static str,
    pub(super) process_table: &'static str,
    pub(super) traffic_table: &'static str,
    pub(super) failure_table: &'static str,
    pub(super) step: &'static str,
    pub(super) all_steps: &'static str,
    pub(super) class: &'static str,
    pub(super) count: &'static str,
    pub(super) process_columns: [&'static str; 6],
    pub(super) operator_columns: [&'static str; 3],
    pub(super) traffic_columns: [&'static str; 10],
    pub(super) seconds: &'static str,
    pub(super) plot_titles: [&'static str; 5],
    groups: [&'static str; 4],
    scene: &'static str,
    walks: [&'static str; 4],
    note_texts: [&'static str; 5],
}

impl Language {
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::Pt => &PORTUGUESE,
        }
    }
}

impl Words {
    /// Name of a step: who looks at what, and how.
    pub(super) fn step(&self, group: Group, ordinal: usize, walk: WalkKind) -> String {
        let walk = self.walks[walk as usize];
        match group {
            Group::Individual => format!("{}, {} {ordinal}: {walk}", self.groups[0], self.scene),
            other => format!("{}: {walk}", self.groups[other as usize]),
        }
    }

    pub(super) fn notes(&self, notes: &[Note]) -> Vec<String> {
        notes.iter().map(|note| self.note(note)).collect()
    }

    fn note(&self, note: &Note) -> String {
        let fill = |index: usize, what: &str| self.note_texts[index].replace("{}", what);
        match note {
            Note::NotRestarted => fill(0, ""),
            Note::FewScenes { scenes } => fill(1, &scenes.to_string()),
            Note::NotWatched { process } => fill(2, process),
            Note::Gone { process } => fill(3, process),
            Note::ToolBusy => fill(4, ""),
        }
    }
}

static ENGLISH: Words = Words {
    code: "en",
    title: "Map users: memory, processor, latency",
    intro: "The operator's test walked by simulated users: one alone, several on one scene, several on another scene \
            each, several with two scenes each. MB are of 2^20 bytes; times in milliseconds. The columns \"Python\" are \
            the operator's figures for the Python system.",
    server: "Server",
    peer: "Peer",
    started: "Started",
    host: "Measured from",
    cores: "cores",
    memory: "MB memory",
    scenes: "Scenes",
    habits: "Pane (px), pace (s), seed",
    notes: "To bear in mind",
    thresholds: "Thresholds",
    plots: "Plots",
    passed: "passed",
    failed: "failed",
    not_measured: "not measured",
    process_table: "Process",
    traffic_table: "Tiles of",
    failure_table: "Failures of",
    step: "Step",
    all_steps: "all steps",
    class: "Class",
    count: "Count",
    process_columns: ["RSS MB", "RSS max", "PSS max", "CPU cores", "threads", "fds"],
    operator_columns: ["Python RSS MB", "Python backend cores", "Python frontend cores"],
    traffic_columns: [
        "requests",
        "images",
        "outside",
        "failed",
        "MB",
        "tile p50",
        "tile p95",
        "tile p99",
        "viewport p50",
        "viewport p95",
    ],
    seconds: "seconds",
    plot_titles: ["RSS, MB", "CPU, cores", "open file descriptors", "threads", "tile latency p50 and p95 by step, ms"],
    groups: ["one user", "users on one scene", "users on a scene each", "users with two scenes each"],
    scene: "scene",
    walks: ["first view, zoom 7", "zoom to 14", "move at 14", "free"],
    note_texts: [
        "The server ran on from session to session; the operator restarted it between the scenes of one user.",
        "Only {} scenes: users share some.",
        "The process \"{}\" could not be found on this machine and was not watched.",
        "The process \"{}\" ended during the run.",
        "This tool itself used over half of the machine in some step: it, not the server, may have been the limit.",
    ],
};

static PORTUGUESE: Words = Words {
    code: "pt-BR",
    title: "Usuários do mapa: memória, processador, latência",
    intro: "O teste do operador feito por usuários simulados: um sozinho, vários na mesma cena, vários em cenas \
            diferentes, vários com duas cenas cada. MB são de 2^20 bytes; tempos em milissegundos. As colunas \"Python\" \
            são as medidas do operador no sistema em Python.",
    server: "Servidor",
    peer: "Comparado com",
    started: "Início",
    host: "Medido de",
    cores: "núcleos",
    memory: "MB de memória",
    scenes: "Cenas",
    habits: "Painel (px), ritmo (s), semente",
    notes: "A ter em conta",
    thresholds: "Limites",
    plots: "Gráficos",
    passed: "cumprido",
    failed: "não cumprido",
    not_measured: "não medido",
    process_table: "Processo",
    traffic_table: "Tiles de",
    failure_table: "Falhas de",
    step: "Etapa",
    all_steps: "todas as etapas",
    class: "Classe",
    count: "Número",
    process_columns: ["RSS MB", "RSS máx.", "PSS máx.", "CPU núcleos", "threads", "descritores"],
    operator_columns: ["Python RSS MB", "Python backend núcleos", "Python frontend núcleos"],
    traffic_columns: [
        "pedidos", "imagens", "fora", "falhas", "MB", "tile p50", "tile p95", "tile p99", "tela p50", "tela p95",
    ],
    seconds: "segundos",
    plot_titles: [
        "RSS, MB",
        "CPU, núcleos",
        "descritores abertos",
        "threads",
        "latência dos tiles p50 e p95 por etapa, ms",
    ],
    groups: ["um usuário", "usuários na mesma cena", "usuários em cenas diferentes", "usuários com duas cenas cada"],
    scene: "cena",
    walks: ["visão inicial, zoom 7", "zoom até 14", "mover no 14", "livre"],
    note_texts: [
        "O servidor seguiu de sessão em sessão; o operador o reiniciou entre as cenas de um usuário.",
        "Apenas {} cenas: os usuários compartilham algumas.",
        "O processo \"{}\" não foi encontrado nesta máquina e não foi observado.",
        "O processo \"{}\" terminou durante o teste.",
        "Esta ferramenta usou mais da metade da máquina em alguma etapa: ela, e não o servidor, pode ter sido o limite.",
    ],
};
