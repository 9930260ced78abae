//! What a watchdog does with processes that are there before their call: children that wait for the one
//! call of theirs, and workers that take call after call.

mod acknowledgement;
mod agreement;
mod answers;
mod callbacks;
mod configuration;
mod crash;
mod descriptors;
mod early_reply;
mod early_reply_ends;
mod grandchildren;
mod handler_files;
mod log_lines;
mod node_handlers;
mod node_start_up;
mod one_shot;
mod parallel;
mod pipes;
mod prespawn;
mod prespawn_configuration;
mod prespawn_end;
mod prespawn_ids;
mod prespawn_life;
mod prespawn_pipes;
mod python_calls;
mod python_environment;
mod python_errors;
mod python_start_up;
mod recycle;
mod requests;
mod stop;
mod stray_lines;
mod time_out;
