{{/* Where Kafka, Redis and NATS are: those of dev where it has them, else those that the values name. */}}
{{- define "busyhour.dev" -}}{{ if and .root.Values.dev.enabled (index .root.Values.dev .server "enabled") }}yes{{ end }}{{- end -}}

{{- define "busyhour.devHost" -}}{{ printf "%s-%s.%s.svc" (include "busyhour.fullname" .root) .server .root.Release.Namespace }}{{- end -}}

{{- define "busyhour.brokers" -}}
{{- if include "busyhour.dev" (dict "root" . "server" "kafka") -}}
{{- include "busyhour.devHost" (dict "root" . "server" "kafka") }}:9092
{{- else -}}
{{- join "," .Values.kafka.brokers -}}
{{- end -}}
{{- end -}}

{{- define "busyhour.redis" -}}
{{- if include "busyhour.dev" (dict "root" . "server" "redis") -}}
{{- include "busyhour.devHost" (dict "root" . "server" "redis") }}:6379
{{- else -}}
{{- join "," .Values.redis.addresses -}}
{{- end -}}
{{- end -}}

{{- define "busyhour.nats" -}}
{{- if include "busyhour.dev" (dict "root" . "server" "nats") -}}
nats://{{ include "busyhour.devHost" (dict "root" . "server" "nats") }}:4222
{{- else -}}
{{- join "," .Values.nats.urls -}}
{{- end -}}
{{- end -}}

{{/* The ports in a list of addresses, host:port or scheme://host:port, each once: (dict "addresses" "a:1,b:2" "default" 4222). */}}
{{- define "busyhour.ports" -}}
{{- $ports := list -}}
{{- range splitList "," .addresses -}}
{{- $ports = append $ports (regexFind ":[0-9]+/?$" . | trimPrefix ":" | trimSuffix "/" | default (toString $.default)) -}}
{{- end -}}
{{- join "," (uniq $ports) -}}
{{- end -}}
