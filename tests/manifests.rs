//! Holds the files of `templates/deploy` against the code, and against the schemas of what reads them.

#[path = "manifests/container.rs"]
mod container;
#[path = "manifests/schema.rs"]
mod schema;
#[path = "manifests/yaml.rs"]
mod yaml;

use std::path::PathBuf;

use container::{Container, containers};
use harness::{ControlPlane, Function, Watchdog, workspace};
use nanofaas::VARIABLES;
use yaml::{Document, parse};

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(workspace().join("templates/deploy")).expect("the manifests");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() > 4, "{files:?}");
    files
}

fn documents() -> Vec<(String, Document)> {
    let named = files().into_iter().map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a manifest"))
    });
    named.flat_map(|(name, text)| parse(&text).into_iter().map(move |document| (name.clone(), document))).collect()
}

fn all_containers() -> Vec<Container> {
    let all: Vec<_> = documents().iter().flat_map(|(file, document)| containers(file, document)).collect();
    assert!(all.len() > 5, "only {} containers were found", all.len());
    all
}

#[test]
fn every_variable_is_one_that_the_program_reads() {
    for container in all_containers() {
        assert!(!container.environment.is_empty(), "{} has no environment", container.place);
        let known = container.variables();
        for (name, _) in &container.environment {
            let found = known.iter().any(|variable| variable.name == name);
            assert!(found, "{}: the program does not read {name}", container.place);
        }
    }
}

#[test]
fn every_environment_starts_a_server_that_answers_the_probes() {
    for container in all_containers().iter().filter(|container| !container.is_one_shot()) {
        let (watchdog, function);
        let server = if container.is_watchdog() {
            watchdog = Watchdog::start("STDIO", "cat", &container.with(&[("WARM_PORT", "0")]));
            &*watchdog
        } else {
            function = Function::start("hello", &container.with(&[("PORT", "0")]));
            &function
        };
        for leaf in
            container.description.0.iter().filter(|leaf| leaf.path.ends_with(&["httpGet".into(), "path".into()]))
        {
            assert_eq!(server.get(&leaf.value).status, 200, "{}: {}", container.place, leaf.value);
        }
    }
}

#[test]
fn the_job_runs_once_and_calls_back() {
    let containers = all_containers();
    let jobs: Vec<_> = containers.iter().filter(|container| container.is_one_shot()).collect();
    assert_eq!(jobs.len(), 1);
    let plane = ControlPlane::start();
    let ended = Function::run("hello", &[], &jobs[0].with(&[("CALLBACK_URL", &plane.callback_url())]), "");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let id = jobs[0].get("EXECUTION_ID").expect("an execution id");
    assert_eq!(plane.accepted(id).output(), &serde_json::json!({ "result": "HELLO" }));
}

#[test]
fn probes_and_ports_are_the_servers_own() {
    let mut probes = 0;
    for container in all_containers() {
        let Container { place, description, .. } = &container;
        let is_port = |value: &str| value == container.port().to_string();
        for leaf in &description.0 {
            let (path, value) = (leaf.path.join("."), leaf.value.as_str());
            match path.as_str() {
                "startupProbe.httpGet.path" | "livenessProbe.httpGet.path" => assert_eq!(value, "/health", "{place}"),
                "readinessProbe.httpGet.path" => assert_eq!(value, "/ready", "{place}"),
                _ if path.ends_with("httpGet.port") => {
                    assert!(is_port(value) || value == "http", "{place} {path} is {value}");
                }
                _ if path.ends_with("containerPort") => assert!(is_port(value), "{place} {path} is {value}"),
                // Of compose: the machine's port, then the container's.
                _ if path.starts_with("ports.[") && value.contains(':') => {
                    assert!(value.rsplit(':').next().is_some_and(is_port), "{place} {path} is {value}");
                }
                _ => {}
            }
            probes += u32::from(path.ends_with("httpGet.path"));
        }
    }
    assert!(probes > 7, "only {probes} probes were found");
    for (file, document) in documents() {
        for leaf in &document.0 {
            match leaf.path.last().map(String::as_str) {
                Some("prometheus.io/path") => assert_eq!(leaf.value, "/metrics", "{file}"),
                Some("prometheus.io/port") => assert_eq!(leaf.value, "8080", "{file}"),
                Some("targetPort") => assert_eq!(leaf.value, "http", "{file}"),
                _ => {}
            }
        }
    }
}

#[test]
fn there_is_time_for_a_graceful_end() {
    let mut compared = 0;
    for (file, document) in documents() {
        for container in containers(&file, &document) {
            let pod = |key: &str| document.number(&format!("spec.template.spec.{key}"));
            // Knative takes its time-out for the grace period.
            let grace = pod("terminationGracePeriodSeconds").or_else(|| pod("timeoutSeconds"));
            let grace =
                grace.or_else(|| container.description.get("stop_grace_period")?.strip_suffix('s')?.parse().ok());
            let grace = grace.unwrap_or_else(|| panic!("{} says nothing of its end", container.place)) * 1000;
            let before = container.description.number("lifecycle.preStop.sleep.seconds").unwrap_or(0) * 1000;
            let needed = before + container.end();
            assert!(grace >= needed, "{}: {grace} ms are given, {needed} ms may be needed", container.place);
            let (timeout, drain) = (container.setting("TIMEOUT_MS"), container.setting("NANOFAAS_SHUTDOWN_TIMEOUT"));
            assert!(container.is_one_shot() || timeout <= drain, "{}: a call may outlive the drain", container.place);
            compared += 1;
        }
    }
    assert!(compared > 5, "only {compared} were compared");
}

#[test]
fn what_is_sent_at_once_is_what_is_taken_at_once() {
    let slots = |name: &str| VARIABLES.iter().find(|variable| variable.name == name).expect("a variable").default;
    for (file, document) in documents() {
        if let Some(concurrency) = document.number("spec.template.spec.containerConcurrency") {
            let taken = containers(&file, &document)[0].setting("NANOFAAS_MAX_CONCURRENT_HANDLERS");
            assert_eq!(concurrency, taken, "{file}");
        }
        if let Some(concurrency) = document.number("concurrency") {
            let taken: u64 = slots("NANOFAAS_MAX_CONCURRENT_HANDLERS").parse().expect("a number");
            assert!(concurrency <= taken, "{file}: {concurrency} at once, and a container takes {taken}");
        }
    }
}

#[test]
fn the_demo_calls_functions_where_they_are() {
    let (file, compose) =
        documents().into_iter().find(|(file, _)| file == "compose.yaml").expect("the file for compose");
    let command = compose.get("services.nanofaas-dev.command").expect("the control plane's command");
    for container in containers(&file, &compose) {
        let name = container.place.rsplit('.').next().expect("a name");
        let argument = format!("\"{name}=http://{name}:{}/invoke\"", container.port());
        assert!(command.contains(&argument), "{argument} is not in {command}");
    }
}

#[test]
fn the_schemas_take_every_manifest_and_refuse_what_is_wrong() {
    let Some(python) = schema::python() else { return };
    let (is_right, said) = schema::check(&python, &files());
    assert!(is_right, "{said}");
    for file in files() {
        assert!(said.contains(&format!("{}: ", file.display())), "{} was not looked at:\n{said}", file.display());
    }
    let scratch = std::env::temp_dir().join(format!("nanofaas-manifest-{}.yaml", std::process::id()));
    for (file, right, wrong, named) in [
        ("kubernetes.yaml", "livenessProbe:", "livenesProbe:", "livenesProbe"),
        ("kubernetes.yaml", "containerPort: 8080", "containerPort: http", "containerPort"),
        ("kubernetes.yaml", "averageUtilization", "utilization", "utilization"),
        ("kubernetes.yaml", "autoscaling/v2", "autoscaling/v9", "HorizontalPodAutoscaler"),
        ("job.yaml", "backoffLimit: 2", "backoffLimit: two", "backoffLimit"),
        ("knative-service.yaml", "- image:", "- img:", "img"),
        ("knative-service.yaml", "timeoutSeconds: 30", "timeoutSecond: 30", "timeoutSecond"),
        ("knative-service.yaml", "name: FUNCTION_NAME", "name: PORT", "PORT is set by Knative"),
        ("compose.yaml", "read_only: true", "readonly: true", "readonly"),
        ("compose.yaml", "    mem_limit: 256m", "    read_only: true", "`read_only` stands twice"),
        ("function.yaml", "timeoutMs: 15000", "timeoutMs: 15s", "timeoutMs"),
    ] {
        let text = std::fs::read_to_string(workspace().join("templates/deploy").join(file)).expect("a manifest");
        assert!(text.contains(right), "{file} has no {right}");
        std::fs::write(&scratch, text.replace(right, wrong)).expect("a writable directory");
        let (is_right, said) = schema::check(&python, std::slice::from_ref(&scratch));
        let _ = std::fs::remove_file(&scratch);
        assert!(!is_right && said.contains(named), "{file} with `{wrong}`:\n{said}");
    }
}
