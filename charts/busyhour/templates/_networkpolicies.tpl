{{/* Who may come to a service. Callers come to the edge; operators, Prometheus and helm test to the operations port. */}}
{{- define "busyhour.mayCome" -}}
{{- $from := index .root.Values.networkPolicy.from .key }}
- ports: [{protocol: TCP, port: edge}]
  {{- if $from }}
  from:
    {{- toYaml $from | nindent 4 }}
    {{- if ne .key "agentPresence" }}
    - podSelector:
        matchLabels: {{- include "busyhour.selector" (dict "root" .root "component" "agent-presence") | nindent 10 }}
    {{- end }}
  {{- end }}
- ports: [{protocol: TCP, port: ops}]
  from:
    - podSelector:
        matchLabels: {{- include "busyhour.selector" (dict "root" .root "component" "test") | nindent 10 }}
    {{- with .root.Values.networkPolicy.from.ops }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* What everything may reach: names, Kafka, Redis and NATS. */}}
{{- define "busyhour.mayReachServers" -}}
{{- $p := .Values.networkPolicy }}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
  {{- with $p.dns.to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- include "busyhour.toServer" (dict "root" . "server" "kafka" "addresses" (include "busyhour.brokers" .) "default" 9092) }}
{{- $redis := include "busyhour.redis" . }}
{{- if .Values.redis.master }}{{ $redis = printf "%s,redis:6379" $redis }}{{ end }}
{{- include "busyhour.toServer" (dict "root" . "server" "redis" "addresses" $redis "default" 6379) }}
{{- include "busyhour.toServer" (dict "root" . "server" "nats" "addresses" (include "busyhour.nats" .) "default" 4222) }}
{{- end -}}

{{/* To a server of dev by its labels, to any other where the values say, on the ports that they or its addresses name. */}}
{{- define "busyhour.toServer" -}}
{{- $p := index .root.Values.networkPolicy .server }}
{{- $to := $p.to }}
{{- if include "busyhour.dev" . }}
{{- $to = list (dict "podSelector" (dict "matchLabels" (include "busyhour.selector" (dict "root" .root "component" .server) | fromYaml))) }}
{{- end }}
{{ include "busyhour.to" (dict "to" $to "ports" (default (splitList "," (include "busyhour.ports" .)) $p.ports)) }}
{{- end -}}

{{- define "busyhour.to" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What a service may reach besides: who issues tokens, the collector of traces, other services of ours, downstreams. */}}
{{- define "busyhour.mayReach" -}}
{{- $p := .root.Values.networkPolicy }}
{{- $a := .root.Values.auth }}
{{- if or $a.issuer $a.jwks.url .root.Values.peers.token.url (eq .root.Values.kafka.sasl.mechanism "oauthbearer") }}
{{ include "busyhour.to" (dict "to" $p.identity.to "ports" $p.identity.ports) }}
{{- end }}
{{- if .root.Values.tracing.endpoint }}
{{ include "busyhour.to" (dict "to" $p.tracing.to "ports" $p.tracing.ports) }}
{{- end }}
{{- if eq .component "agent-presence" }}
- ports: [{protocol: TCP, port: edge}]
  to:
    {{- range list "call-routing" "provisioning" }}
    - podSelector:
        matchLabels: {{- include "busyhour.selector" (dict "root" $.root "component" .) | nindent 10 }}
    {{- end }}
{{- end }}
{{- if eq .component "provisioning" }}
{{ include "busyhour.to" (dict "to" $p.downstreams.to "ports" $p.downstreams.ports) }}
{{- end }}
{{- end -}}
