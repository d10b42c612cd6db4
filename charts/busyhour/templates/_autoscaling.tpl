{{- define "busyhour.hpa" }}
{{- $name := printf "%s-%s" (include "busyhour.fullname" .root) .component }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels: {{- include "busyhour.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  {{- with .service.autoscaling }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    {{- if .cpuPercent }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .cpuPercent }}}
    {{- end }}
    {{- if .podMetric.name }}
    - type: Pods
      pods:
        metric: {name: {{ .podMetric.name | quote }}}
        target: {type: AverageValue, averageValue: {{ .podMetric.average | quote }}}
    {{- end }}
  behavior: {{- include "busyhour.behavior" . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Up at once, down one pod at a time: each step moves partitions and screens. */}}
{{- define "busyhour.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - {type: Pods, value: 2, periodSeconds: 60}
scaleDown:
  stabilizationWindowSeconds: {{ .scaleDown.stabilizationSeconds }}
  policies:
    - {type: Pods, value: 1, periodSeconds: {{ .scaleDown.onePodEverySeconds }}}
{{- end -}}

{{- define "busyhour.scaledObject" }}
{{- $name := printf "%s-%s" (include "busyhour.fullname" .root) .component }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels: {{- include "busyhour.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {name: {{ $name }}}
  {{- $part := . }}
  {{- with .service.autoscaling }}
  minReplicaCount: {{ .minReplicas }}
  maxReplicaCount: {{ .maxReplicas }}
  pollingInterval: {{ .keda.pollingSeconds }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "busyhour.behavior" . | nindent 8 }}
  triggers:
    {{- if .cpuPercent }}
    - type: cpu
      metricType: Utilization
      metadata: {value: {{ .cpuPercent | quote }}}
    {{- end }}
    {{- with .keda.prometheus }}
    {{- if .address }}
    - type: prometheus
      metadata:
        serverAddress: {{ .address | quote }}
        query: {{ tpl .query $part.root | quote }}
        threshold: {{ .threshold | quote }}
    {{- end }}
    {{- end }}
    {{- if .keda.lag }}
    {{- include "busyhour.lagTriggers" $part | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Lag of each group of the service, as a safety: by the time it grows, somebody waits already. */}}
{{- define "busyhour.lagTriggers" -}}
{{- range $topic := .root.Files.Get "files/topics.json" | fromJsonArray }}
{{- range $group := $topic.groups }}
{{- if hasPrefix (printf "%s." $.component) $group }}
- type: kafka
  metadata:
    bootstrapServers: {{ include "busyhour.brokers" $.root | quote }}
    version: {{ $.root.Values.kafka.version | quote }}
    consumerGroup: {{ $group }}
    topic: {{ $topic.topic }}
    lagThreshold: {{ $.service.autoscaling.keda.lag | quote }}
    offsetResetPolicy: earliest
  {{- with $.service.autoscaling.keda.authentication }}
  authenticationRef: {name: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
