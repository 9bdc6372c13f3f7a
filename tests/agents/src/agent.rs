//! The agents that the policy injects, and the settings that ask for them.

use serde_json::{Value, json};

/// What an application is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Java.
    Java,
    /// Node.js.
    NodeJs,
    /// Python.
    Python,
}

impl Language {
    /// As the settings name it; the agents that send traces name it so, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::NodeJs => "nodejs",
            Self::Python => "python",
        }
    }

    /// The variable that makes the runtime load the agent.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Java => "JAVA_TOOL_OPTIONS",
            Self::NodeJs => "NODE_OPTIONS",
            Self::Python => "PYTHONPATH",
        }
    }
}

/// Whose agent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracer {
    /// DDTrace.
    Datadog,
    /// OpenTelemetry.
    OpenTelemetry,
}

/// An agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Whose it is.
    pub tracer: Tracer,
    /// What it is for.
    pub language: Language,
}

impl Agent {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::of(Tracer::Datadog, Language::Java),
        Self::of(Tracer::Datadog, Language::NodeJs),
        Self::of(Tracer::Datadog, Language::Python),
        Self::of(Tracer::OpenTelemetry, Language::Java),
        Self::of(Tracer::OpenTelemetry, Language::NodeJs),
        Self::of(Tracer::OpenTelemetry, Language::Python),
    ];

    const fn of(tracer: Tracer, language: Language) -> Self {
        Self { tracer, language }
    }

    /// The folder of its image.
    #[must_use]
    pub fn image(self) -> String {
        let tracer = match self.tracer {
            Tracer::Datadog => "datadog",
            Tracer::OpenTelemetry => "opentelemetry",
        };
        format!("{tracer}-{}", self.language.name())
    }

    /// Settings with one rule, whose variables are those that the operator's manual gives for the agent: it sends to
    /// `port` of this machine.
    #[must_use]
    pub fn settings(self, port: u16) -> Value {
        let (list, of_the_tracer) = match self.tracer {
            Tracer::Datadog => ("ddtraces", datadog(port)),
            Tracer::OpenTelemetry => ("otels", open_telemetry(port)),
        };
        let of_the_pod = [
            ("POD_NAME", "{fieldRef:metadata.name}"),
            ("POD_NAMESPACE", "{fieldRef:metadata.namespace}"),
            ("NODE_NAME", "{fieldRef:spec.nodeName}"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let envs = of_the_pod.into_iter().chain(of_the_tracer);
        let envs: Vec<Value> = envs
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        json!({"admission_inject_v2": {list: [{
            "name": self.image(),
            "language": self.language.name(),
            "namespace_selectors": ["*"],
            "image": format!("registry.example/{}:1", self.image()),
            "envs": envs,
        }]}})
    }
}

type Variables = Vec<(&'static str, String)>;

fn datadog(port: u16) -> Variables {
    let host = "127.0.0.1";
    vec![
        ("DD_AGENT_HOST", host.to_owned()),
        ("DD_TRACE_AGENT_PORT", port.to_string()),
        ("DD_JMXFETCH_STATSD_HOST", host.to_owned()),
        ("DD_JMXFETCH_STATSD_PORT", port.to_string()),
        ("DD_SERVICE", "{fieldRef:metadata.labels['app']}".to_owned()),
        (
            "DD_TAGS",
            "pod_name:$(POD_NAME),pod_namespace:$(POD_NAMESPACE),host:$(NODE_NAME)".to_owned(),
        ),
    ]
}

fn open_telemetry(port: u16) -> Variables {
    vec![
        (
            "OTEL_SERVICE_NAME",
            "{fieldRef:metadata.labels['app']}".to_owned(),
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME)"
                .to_owned(),
        ),
        ("OTEL_TRACES_EXPORTER", "otlp".to_owned()),
        ("OTEL_LOGS_EXPORTER", "none".to_owned()),
        ("OTEL_METRICS_EXPORTER", "none".to_owned()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("http://127.0.0.1:{port}/v1/traces"),
        ),
    ]
}
