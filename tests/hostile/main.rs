//! What hostile clients, control planes and children send: requests that say two things, names that lead
//! elsewhere, answers that nobody gave. None of it gets further than where it came from.

mod callback_answers;
mod callback_hosts;
mod child_answers;
mod framing;
mod header_injection;
mod json_bombs;
mod path_injection;
mod resolved_names;
mod targets;
