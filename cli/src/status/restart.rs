//! The commands that bring what today's settings want.

use std::io::{self, Write};

use k8s_openapi::jiff::Timestamp;

use super::decide::Row;

/// Writes them as a shell script; what no command can do is a comment in it.
pub fn write(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let now = Timestamp::now();
    for row in rows.iter().filter(|row| row.state.is_cured_by_restart()) {
        writeln!(out, "{}", command(row, now))?;
    }
    Ok(())
}

fn command(row: &Row, now: Timestamp) -> String {
    let Row {
        kind,
        namespace,
        name,
        ..
    } = row;
    let resource = format!("{}/{name}", kind.to_lowercase());
    match kind.as_str() {
        "Deployment" | "DaemonSet" | "StatefulSet" => {
            format!("kubectl rollout restart --namespace {namespace} {resource}")
        }
        // `kubectl rollout restart` does not take them: the same annotation, where their template is.
        "CronJob" => format!(
            "kubectl patch --namespace {namespace} {resource} --type merge --patch \
             '{{\"spec\":{{\"jobTemplate\":{{\"spec\":{{\"template\":{{\"metadata\":{{\"annotations\":\
             {{\"kubectl.kubernetes.io/restartedAt\":\"{now:.0}\"}}}}}}}}}}}}}}'"
        ),
        "ReplicaSet" | "ReplicationController" => format!(
            "kubectl patch --namespace {namespace} {resource} --type merge --patch \
             '{{\"spec\":{{\"template\":{{\"metadata\":{{\"annotations\":\
             {{\"kubectl.kubernetes.io/restartedAt\":\"{now:.0}\"}}}}}}}}}}' # then delete its pods"
        ),
        _ => {
            format!("# {kind} {namespace}/{name} cannot be changed: delete it, and create it again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decide::State;
    use super::*;

    #[test]
    fn each_kind_has_the_command_that_changes_its_template() {
        let row = |kind: &str, state| Row {
            kind: kind.to_owned(),
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            state,
            has: Vec::new(),
            reason: None,
            warnings: Vec::new(),
        };
        let annotation = r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-02T03:04:05Z"}}}"#;
        let now = "2026-01-02T03:04:05.6Z".parse().unwrap();
        for (kind, expected) in [
            (
                "Deployment",
                "kubectl rollout restart --namespace shop deployment/web".to_owned(),
            ),
            (
                "StatefulSet",
                "kubectl rollout restart --namespace shop statefulset/web".to_owned(),
            ),
            (
                "CronJob",
                format!(
                    "kubectl patch --namespace shop cronjob/web --type merge --patch \
                     '{{\"spec\":{{\"jobTemplate\":{{\"spec\":{{\"template\":{annotation}}}}}}}}}'"
                ),
            ),
            (
                "ReplicaSet",
                format!(
                    "kubectl patch --namespace shop replicaset/web --type merge --patch \
                     '{{\"spec\":{{\"template\":{annotation}}}}}' # then delete its pods"
                ),
            ),
            (
                "Job",
                "# Job shop/web cannot be changed: delete it, and create it again".to_owned(),
            ),
        ] {
            assert_eq!(command(&row(kind, State::Outdated), now), expected);
        }

        let rows = [
            row("Deployment", State::Injected),
            row("Deployment", State::Missing),
            row("DaemonSet", State::Refused),
            row("DaemonSet", State::Incomplete),
            row("Pod", State::None),
        ];
        let mut written = Vec::new();
        write(&rows, &mut written).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "kubectl rollout restart --namespace shop deployment/web\n\
             kubectl rollout restart --namespace shop daemonset/web\n"
        );
    }
}
