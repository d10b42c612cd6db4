{{/* What the services are told by their environment, as a map. Passwords are no values of it: files are named that hold them. */}}
{{- define "busyhour.kafkaEnv" -}}
BUSYHOUR_KAFKA_BROKERS: {{ include "busyhour.brokers" . | quote }}
BUSYHOUR_KAFKA_VERSION: {{ .Values.kafka.version | quote }}
{{- with .Values.kafka.tls }}
{{- if .enabled }}
BUSYHOUR_KAFKA_TLS_ENABLED: "true"
{{- include "busyhour.tlsEnv" (dict "tls" . "key" "KAFKA" "dir" "kafka") }}
{{- with .serverName }}
BUSYHOUR_KAFKA_TLS_SERVER_NAME: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.kafka.sasl }}
{{- if .mechanism }}
BUSYHOUR_KAFKA_SASL_MECHANISM: {{ .mechanism }}
{{- if eq .mechanism "oauthbearer" }}
BUSYHOUR_KAFKA_SASL_TOKEN_URL: {{ .tokenUrl | quote }}
BUSYHOUR_KAFKA_SASL_CLIENT_ID: {{ .clientId | quote }}
BUSYHOUR_KAFKA_SASL_CLIENT_SECRET_FILE: /etc/busyhour/secrets/kafka/client-secret
{{- with .scopes }}
BUSYHOUR_KAFKA_SASL_SCOPES: {{ join "," . | quote }}
{{- end }}
{{- else }}
BUSYHOUR_KAFKA_SASL_USERNAME: {{ .username | quote }}
BUSYHOUR_KAFKA_SASL_PASSWORD_FILE: /etc/busyhour/secrets/kafka/password
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.tlsEnv" -}}
{{- if .tls.existingSecret }}
BUSYHOUR_{{ .key }}_TLS_CA: /etc/busyhour/tls/{{ .dir }}/ca.crt
{{- if .tls.clientCertificate }}
BUSYHOUR_{{ .key }}_TLS_CERT: /etc/busyhour/tls/{{ .dir }}/tls.crt
BUSYHOUR_{{ .key }}_TLS_KEY: /etc/busyhour/tls/{{ .dir }}/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.redisEnv" -}}
BUSYHOUR_REDIS_ADDRESSES: {{ include "busyhour.redis" . | quote }}
{{- with .Values.redis }}
{{- with .master }}
BUSYHOUR_REDIS_MASTER: {{ . | quote }}
{{- end }}
{{- if .cluster }}
BUSYHOUR_REDIS_CLUSTER: "true"
{{- end }}
{{- if .db }}
BUSYHOUR_REDIS_DB: {{ .db | quote }}
{{- end }}
{{- with .username }}
BUSYHOUR_REDIS_USERNAME: {{ . | quote }}
{{- end }}
{{- if .existingSecret }}
BUSYHOUR_REDIS_PASSWORD_FILE: /etc/busyhour/secrets/redis/password
{{- if .sentinel.password }}
BUSYHOUR_REDIS_SENTINEL_PASSWORD_FILE: /etc/busyhour/secrets/redis/sentinel-password
{{- end }}
{{- end }}
{{- with .sentinel.username }}
BUSYHOUR_REDIS_SENTINEL_USERNAME: {{ . | quote }}
{{- end }}
{{- if .tls.enabled }}
BUSYHOUR_REDIS_TLS_ENABLED: "true"
{{- include "busyhour.tlsEnv" (dict "tls" .tls "key" "REDIS" "dir" "redis") }}
{{- with .tls.serverName }}
BUSYHOUR_REDIS_TLS_SERVER_NAME: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.natsEnv" -}}
BUSYHOUR_NATS_URL: {{ include "busyhour.nats" . | quote }}
{{- with .Values.nats }}
{{- include "busyhour.tlsEnv" (dict "tls" .tls "key" "NATS" "dir" "nats") }}
{{- with .username }}
BUSYHOUR_NATS_USERNAME: {{ . | quote }}
{{- end }}
{{- if .existingSecret }}
BUSYHOUR_NATS_PASSWORD_FILE: /etc/busyhour/secrets/nats/password
{{- end }}
{{- if .credentialsSecret }}
BUSYHOUR_NATS_CREDENTIALS: /etc/busyhour/secrets/nats-credentials/nats.creds
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.edgeEnv" -}}
{{- with .Values.tls }}
{{- if .existingSecret }}
BUSYHOUR_TLS_CERT: /etc/busyhour/tls/edge/tls.crt
BUSYHOUR_TLS_KEY: /etc/busyhour/tls/edge/tls.key
{{- if .clientCA }}
BUSYHOUR_TLS_CLIENT_CA: /etc/busyhour/tls/edge/ca.crt
{{- end }}
{{- if .ops }}
BUSYHOUR_OPS_TLS: "true"
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.peers }}
{{- include "busyhour.tlsEnv" (dict "tls" .tls "key" "PEERS" "dir" "peers") }}
{{- if .token.url }}
BUSYHOUR_PEERS_TOKEN_URL: {{ .token.url | quote }}
BUSYHOUR_PEERS_CLIENT_ID: {{ .token.clientId | quote }}
BUSYHOUR_PEERS_CLIENT_SECRET_FILE: /etc/busyhour/secrets/peers/client-secret
{{- else if .token.existingSecret }}
BUSYHOUR_PEERS_TOKEN_FILE: /etc/busyhour/secrets/peers/token
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.authEnv" -}}
{{- with .Values.auth }}
{{- with .issuer }}
BUSYHOUR_AUTH_ISSUER: {{ . | quote }}
{{- end }}
{{- if .jwks.existingConfigMap }}
BUSYHOUR_AUTH_JWKS: /etc/busyhour/jwks/jwks.json
{{- else if .jwks.url }}
BUSYHOUR_AUTH_JWKS: {{ .jwks.url | quote }}
{{- end }}
{{- with .audience }}
BUSYHOUR_AUTH_AUDIENCE: {{ . | quote }}
{{- end }}
{{- with .clientId }}
BUSYHOUR_AUTH_CLIENT_ID: {{ . | quote }}
{{- end }}
{{- range $claim, $name := .claims }}
{{- with $name }}
BUSYHOUR_AUTH_CLAIMS_{{ upper $claim }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if .rate }}
BUSYHOUR_AUTH_RATE: {{ .rate | quote }}
{{- end }}
{{- if .burst }}
BUSYHOUR_AUTH_BURST: {{ .burst | quote }}
{{- end }}
{{- end }}
{{- if include "busyhour.anonymous" . }}
BUSYHOUR_AUTH_ANONYMOUS: "true"
{{- end }}
{{- end -}}

{{/* Who has no token may do everything: if it is asked for, and in dev as long as nothing says whose tokens are taken. */}}
{{- define "busyhour.anonymous" -}}
{{- $a := .Values.auth -}}
{{- if or $a.anonymous (and .Values.dev.enabled (not (or $a.issuer $a.jwks.url $a.jwks.existingConfigMap))) }}yes{{ end -}}
{{- end -}}

{{- define "busyhour.env" -}}
BUSYHOUR_TENANTS: {{ join "," .Values.tenants | quote }}
BUSYHOUR_GRACE: {{ printf "%ds" (int .Values.shutdown.graceSeconds) | quote }}
BUSYHOUR_LOG_LEVEL: {{ .Values.log.level }}
BUSYHOUR_LOG_FORMAT: {{ .Values.log.format }}
{{- with .Values.tracing }}
{{- if .endpoint }}
BUSYHOUR_TRACE_ENDPOINT: {{ .endpoint | quote }}
BUSYHOUR_TRACE_INSECURE: {{ .insecure | quote }}
BUSYHOUR_TRACE_SAMPLE: {{ .sample | quote }}
{{- end }}
{{- end }}
{{ include "busyhour.kafkaEnv" . }}
{{ include "busyhour.redisEnv" . }}
{{ include "busyhour.natsEnv" . }}
{{- include "busyhour.edgeEnv" . }}
{{- include "busyhour.authEnv" . }}
{{- end -}}

{{/* What only one service is told, as a list: (dict "root" $ "component" "agent-presence" "service" .Values.agentPresence). */}}
{{- define "busyhour.ownEnv" -}}
{{- with include "busyhour.goMemLimit" .service.resources }}
- name: GOMEMLIMIT
  value: {{ . | quote }}
{{- end }}
{{- if eq .component "agent-presence" }}
{{- $name := include "busyhour.fullname" .root }}
{{- $scheme := include "busyhour.scheme" .root }}
- name: BUSYHOUR_ROUTING_URLS
  value: {{ printf "%s://%s-call-routing:%d" $scheme $name (int .root.Values.callRouting.service.port) | quote }}
- name: BUSYHOUR_PROVISIONING_URLS
  value: {{ printf "%s://%s-provisioning:%d" $scheme $name (int .root.Values.provisioning.service.port) | quote }}
{{- end }}
{{- with .service.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Nine tenths of the memory limit in bytes, so that Go collects before the kernel kills. */}}
{{- define "busyhour.goMemLimit" -}}
{{- $limit := dig "limits" "memory" "" (default dict .) | toString -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- if and $limit (hasKey $units $unit) (regexMatch "^[0-9]+[A-Za-z]*$" $limit) -}}
{{- div (mul (trimSuffix $unit $limit | int64) (get $units $unit) 9) 10 -}}
{{- end -}}
{{- end -}}
