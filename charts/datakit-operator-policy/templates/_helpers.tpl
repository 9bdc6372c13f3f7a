{{/* The name of the policy. */}}
{{- define "datakit-operator-policy.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The address of the module. */}}
{{- define "datakit-operator-policy.module" -}}
{{- $version := printf ":%s" .Values.module.tag }}
{{- with .Values.module.digest }}{{ $version = printf "@%s" . }}{{ end }}
{{- with .Values.global.cattle.systemDefaultRegistry }}{{ printf "registry://%s/" . }}{{ else }}{{ "registry://" }}{{ end }}
{{- .Values.module.repository }}{{ $version }}
{{- end }}

{{/* The settings of the policy, as YAML: the operator's text if there is one. */}}
{{- define "datakit-operator-policy.settings" -}}
{{- with .Values.configmap.jsonconfig }}
{{- toYaml (dict "jsonconfig" .) }}
{{- with $.Values.settings.policy }}
{{ toYaml (dict "policy" .) }}
{{- end }}
{{- else }}
{{- toYaml .Values.settings }}
{{- end }}
{{- end }}

{{/* Whether the settings make the policy ask for the Pod Security level of namespaces: "true" or nothing. */}}
{{- define "datakit-operator-policy.asks" -}}
{{- $held := (.Values.settings.policy | default dict).pod_security }}
{{- if kindIs "slice" $held }}
{{- range $held }}{{ if eq (.level | default "") "namespace" }}true{{ break }}{{ end }}{{ end }}
{{- else if eq ($held | default "") "namespace" }}true{{ end }}
{{- end }}

{{/* Refuses what does not go together, or needs a newer Kubernetes. */}}
{{- define "datakit-operator-policy.check" -}}
{{- $policy := .Values.settings.policy | default dict }}
{{- $needs := list }}
{{- if eq ($policy.delivery | default "") "image" }}{{ $needs = append $needs (list "settings.policy.delivery: image" "1.36") }}{{ end }}
{{- if eq ($policy.native_sidecars | default "") "always" }}
{{- $needs = append $needs (list "settings.policy.native_sidecars: always" "1.29") }}
{{- end }}
{{- if .Values.matchConditions }}{{ $needs = append $needs (list "matchConditions" "1.28") }}{{ end }}
{{- range $needs }}
{{- if semverCompare (printf "<%s.0-0" (index . 1)) $.Capabilities.KubeVersion.Version }}
{{- fail (printf "%s needs Kubernetes %s or newer; this is %s.%s" (index . 0) (index . 1) $.Capabilities.KubeVersion.Major $.Capabilities.KubeVersion.Minor) }}
{{- end }}
{{- end }}
{{- if eq .Values.scope "namespace" }}
{{- if include "datakit-operator-policy.asks" . }}
{{- fail "settings.policy.pod_security: namespace needs scope: cluster, because an AdmissionPolicy may not ask for Namespaces" }}
{{- end }}
{{- if .Values.namespaceSelector.matchExpressions }}
{{- fail "namespaceSelector needs scope: cluster, because an AdmissionPolicy is for its own namespace" }}
{{- end }}
{{- end }}
{{- end }}
