//! What a reader of figures must bear in mind.

use serde::Serialize;

use super::Language;

/// Over this part of the machine the tool may be its own limit.
const BUSY_SHARE: f64 = 0.5;

/// What was full at the peak of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// The server had all cores, and used them.
    Server,
    /// All cores were busy, and the server had to share them.
    Machine,
    /// This tool's threads were busy all the time while cores were free.
    Tool,
    /// Neither: what was waited for is no processor.
    Elsewhere,
}

/// Something to bear in mind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Note {
    /// The server was not restarted between sessions, as the operator did.
    NotRestarted,
    /// Users share scenes because there are too few.
    FewScenes {
        /// Number of scenes.
        scenes: usize,
    },
    /// A process could not be watched.
    NotWatched {
        /// Its name.
        process: String,
    },
    /// A process ended during the run.
    Gone {
        /// Its name.
        process: String,
    },
    /// This tool used much of the processors there are: it may have been the limit.
    ToolBusy {
        /// Hundredths of all cores.
        percent: u32,
    },
    /// This tool acted later than it meant to.
    ToolLate {
        /// Milliseconds, at the 99th percentile.
        p99_ms: u32,
    },
    /// Some requests failed for want of descriptors or ports in this tool.
    ToolFailed {
        /// How many.
        requests: u64,
    },
    /// Client processes ended before their work was done: part of the load was missing.
    ClientsLost {
        /// How many.
        processes: usize,
    },
    /// A side of a comparison gave no tile in some rounds.
    GaveNothing {
        /// Its name.
        side: String,
        /// How many.
        rounds: usize,
    },
    /// Tiles that were to be distinct ran out and began anew.
    DistinctRanOut,
    /// Views were left before they were complete.
    LeftEarly {
        /// Hundredths of all views.
        percent: u32,
    },
    /// Two runs are of different commands.
    UnlikeRuns {
        /// What each was.
        commands: [String; 2],
    },
    /// Arrivals that nobody was free for in time.
    Dropped {
        /// How many.
        rounds: u64,
        /// Of so many.
        of: u64,
    },
    /// A search ended at its bound, where the level still held.
    EndedAtBound {
        /// The bound.
        users: usize,
    },
    /// The users stopped before the end.
    Interrupted,
    /// Who used the processors at the peak.
    AtPeak {
        /// What was full.
        bottleneck: Bottleneck,
        /// Cores there are, and used by the server, this tool and others.
        cores: [String; 4],
        /// Milliseconds of a core for a request, of the server and of this tool.
        cost_ms: [String; 2],
    },
}

impl Note {
    /// Of the cores this tool used when it was busiest; nothing when they were few.
    pub fn of_own_cost(own_cores: f64) -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64);
        let busy = own_cores / cores;
        (busy > BUSY_SHARE).then_some(Self::ToolBusy { percent: (100.0 * busy) as u32 })
    }

    /// As a sentence.
    pub fn text(&self, lang: Language) -> String {
        match self {
            Self::NotRestarted => lang
                .say(
                    "The server ran on from session to session; the operator restarted it between the scenes of one user.",
                    "O servidor seguiu de sessão em sessão; o operador o reiniciou entre as cenas de um usuário.",
                )
                .to_owned(),
            Self::FewScenes { scenes: 1 } => lang
                .say("Only one scene: users share it.", "Apenas uma cena: os usuários a compartilham.")
                .to_owned(),
            Self::FewScenes { scenes } => lang
                .say("Only {} scenes: users share some.", "Apenas {} cenas: os usuários compartilham algumas.")
                .replace("{}", &scenes.to_string()),
            Self::NotWatched { process } => lang
                .say(
                    "The process \"{}\" could not be found on this machine and was not watched.",
                    "O processo \"{}\" não foi encontrado nesta máquina e não foi observado.",
                )
                .replace("{}", process),
            Self::Gone { process } => lang
                .say("The process \"{}\" ended during the run.", "O processo \"{}\" terminou durante o teste.")
                .replace("{}", process),
            Self::ToolBusy { percent } => lang
                .say(
                    "This tool itself used {} % of the machine at its busiest: it, not the server, may have been the limit.",
                    "Esta ferramenta usou {} % da máquina no pico: ela, e não o servidor, pode ter sido o limite.",
                )
                .replace("{}", &percent.to_string()),
            Self::ToolLate { p99_ms } => lang
                .say(
                    "This tool acted up to {} ms late (99th percentile): latencies contain some of its own waiting.",
                    "Esta ferramenta agiu com até {} ms de atraso (percentil 99): as latências contêm parte da sua própria espera.",
                )
                .replace("{}", &p99_ms.to_string()),
            Self::ToolFailed { requests } => lang
                .say(
                    "{} requests failed for want of descriptors or ports in this tool, not in the server.",
                    "{} pedidos falharam por falta de descritores ou portas nesta ferramenta, não no servidor.",
                )
                .replace("{}", &requests.to_string()),
            Self::ClientsLost { processes } => lang
                .say(
                    "Client processes of this tool that ended before their work was done: {}. Part of the load was missing.",
                    "Processos cliente desta ferramenta que terminaram antes do trabalho: {}. Parte da carga faltou.",
                )
                .replace("{}", &processes.to_string()),
            Self::GaveNothing { side, rounds } => lang
                .say("\"{}\" gave not one tile in {n} rounds.", "\"{}\" não deu nenhum tile em {n} rodadas.")
                .replace("{}", side)
                .replace("{n}", &rounds.to_string()),
            Self::DistinctRanOut => lang
                .say(
                    "There were fewer distinct tiles than asked for; they began anew.",
                    "Havia menos tiles distintos do que os pedidos; eles recomeçaram.",
                )
                .to_owned(),
            Self::LeftEarly { percent } => lang
                .say(
                    "{} % of the views were left before they were complete and count as never complete: a longer --dwell waits for them.",
                    "{} % das telas foram deixadas antes de completas e contam como nunca completas: um --dwell maior espera por elas.",
                )
                .replace("{}", &percent.to_string()),
            Self::UnlikeRuns { commands: [a, b] } => lang
                .say(
                    "A is a run of `{a}`, B of `{b}`: figures of the same name were measured under other loads.",
                    "A é um teste de `{a}`, B de `{b}`: números de mesmo nome foram medidos sob cargas diferentes.",
                )
                .replace("{a}", a)
                .replace("{b}", b),
            Self::Dropped { rounds, of } => lang
                .say(
                    "{} of {of} rounds found nobody free within the timeout and were dropped: the load asked for was not carried. \
                     Either the server is too slow for it or --max-users too few.",
                    "{} de {of} rodadas não encontraram ninguém livre dentro do tempo limite e foram descartadas: a carga pedida não \
                     foi aplicada. Ou o servidor é lento demais para ela, ou --max-users é pequeno demais.",
                )
                .replace("{}", &rounds.to_string())
                .replace("{of}", &of.to_string()),
            Self::EndedAtBound { users } => lang
                .say(
                    "The search ended at --up-to {}, where the level still held: the server may hold more.",
                    "A busca terminou em --up-to {}, onde o nível ainda se mantinha: o servidor pode suportar mais.",
                )
                .replace("{}", &users.to_string()),
            Self::Interrupted => {
                lang.say("The run was stopped before its end.", "O teste foi interrompido antes do fim.").to_owned()
            }
            Self::AtPeak { bottleneck, cores, cost_ms } => at_peak(*bottleneck, cores, cost_ms, lang),
        }
    }
}

fn at_peak(bottleneck: Bottleneck, cores: &[String; 4], cost_ms: &[String; 2], lang: Language) -> String {
    let what = match bottleneck {
        Bottleneck::Server => {
            lang.say("the server's processors were full", "os processadores do servidor estavam cheios")
        }
        Bottleneck::Machine => lang.say(
            "all cores were busy and the server had to share them: with cores of its own it would do more",
            "todos os núcleos estavam ocupados e o servidor os dividia: com núcleos próprios faria mais",
        ),
        Bottleneck::Tool => lang.say(
            "this tool's threads were full, and it, not the server, was the limit",
            "os threads desta ferramenta estavam cheios, e ela, não o servidor, era o limite",
        ),
        Bottleneck::Elsewhere => lang.say(
            "cores were left: what was waited for is no processor",
            "sobravam núcleos: o que se esperava não é processador",
        ),
    };
    let [all, server, tool, others] = cores;
    let [server_ms, tool_ms] = cost_ms;
    match lang {
        Language::En => format!(
            "At the peak {what}. Of {all} cores the server used {server}, this tool {tool}, others {others}; a request took \
             {server_ms} ms of a core in the server and {tool_ms} ms in this tool."
        ),
        Language::Pt => format!(
            "No pico {what}. De {all} núcleos o servidor usou {server}, esta ferramenta {tool}, outros {others}; um pedido \
             levou {server_ms} ms de núcleo no servidor e {tool_ms} ms nesta ferramenta."
        ),
    }
}
