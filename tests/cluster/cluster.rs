use std::sync::Arc;
use datakit_policy_cluster::cluster::{Cluster, Level};
use serde_json::{json, Value};
use datakit_policy_cluster::workload::Kind;
fn main() {
    let t = std::time::Instant::now();
    let cluster = Cluster::start();
    println!("ready after {:?}", t.elapsed());
    let settings: Value = serde_json::from_str(&std::fs::read_to_string(datakit_policy_cluster::cluster::root().join("policy-settings/default.json")).unwrap()).unwrap();
    let template = |env: Value| json!({"metadata": {"labels": {"app": "web"}, "annotations": {"admission.datakit/java-lib.version": ""}}, "spec": {"containers": [{"name": "app", "image": "web:1", "env": env}]}});
    let cases = [("plain", json!([{"name": "B", "value": "b"}, {"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g"}, {"name": "A", "value": "a"}]))];
    for (name, env) in cases {
      for style in ["client", "server"] {
        let ns = format!("{name}-{style}");
        cluster.create_namespace(&ns, Level::Workloads, &[]);
        cluster.bridge.configure(&ns, Arc::new(settings.clone()));
        let m = Kind::Deployment.around("web", template(env.clone())).to_string();
        for _ in 0..2 {
            let t = std::time::Instant::now();
            let args: &[&str] = if style == "client" {&["apply", "-f", "-"]} else {&["apply", "--server-side", "-f", "-"]};
            let out = cluster.kubectl.run(&ns, args, &m);
            println!("{ns} {out:?} {:?}", t.elapsed());
        }
        let (e, f) = cluster.bridge.take(&ns);
        for x in e { println!("{}", serde_json::to_string(&x.request).unwrap()); }
        println!("{f:?}");
      }
    }
}
