{{/* Which secrets are mounted where, as a list of {name, secret, path}. */}}
{{- define "busyhour.kafkaSecrets" -}}
{{- with .Values.kafka }}
{{- if and .tls.enabled .tls.existingSecret }}
- {name: tls-kafka, secret: {{ .tls.existingSecret | quote }}, path: tls/kafka}
{{- end }}
{{- if .sasl.mechanism }}
- {name: kafka, secret: {{ .sasl.existingSecret | quote }}, path: secrets/kafka}
{{- end }}
{{- end }}
{{- end -}}

{{- define "busyhour.secrets" -}}
{{- include "busyhour.kafkaSecrets" . }}
{{- with .Values.redis }}
{{- if and .tls.enabled .tls.existingSecret }}
- {name: tls-redis, secret: {{ .tls.existingSecret | quote }}, path: tls/redis}
{{- end }}
{{- with .existingSecret }}
- {name: redis, secret: {{ . | quote }}, path: secrets/redis}
{{- end }}
{{- end }}
{{- with .Values.nats }}
{{- with .tls.existingSecret }}
- {name: tls-nats, secret: {{ . | quote }}, path: tls/nats}
{{- end }}
{{- with .existingSecret }}
- {name: nats, secret: {{ . | quote }}, path: secrets/nats}
{{- end }}
{{- with .credentialsSecret }}
- {name: nats-credentials, secret: {{ . | quote }}, path: secrets/nats-credentials}
{{- end }}
{{- end }}
{{- with .Values.tls.existingSecret }}
- {name: tls-edge, secret: {{ . | quote }}, path: tls/edge}
{{- end }}
{{- with .Values.peers.tls.existingSecret }}
- {name: tls-peers, secret: {{ . | quote }}, path: tls/peers}
{{- end }}
{{- with .Values.peers.token.existingSecret }}
- {name: peers, secret: {{ . | quote }}, path: secrets/peers}
{{- end }}
{{- end -}}

{{- define "busyhour.volumesOf" -}}
{{- range . }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "busyhour.mountsOf" -}}
{{- range . }}
- name: {{ .name }}
  mountPath: /etc/busyhour/{{ .path }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* Keys that the chart has no value for, as the file that --config names: those of all services and a service's own. */}}
{{- define "busyhour.config" -}}
{{- with mergeOverwrite (deepCopy .root.Values.config) (deepCopy .service.config) }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{- define "busyhour.volumes" -}}
{{- include "busyhour.volumesOf" (include "busyhour.secrets" .root | fromYamlArray) }}
{{- with .root.Values.auth.jwks.existingConfigMap }}
- name: jwks
  configMap:
    name: {{ . | quote }}
{{- end }}
{{- if include "busyhour.config" . }}
- name: config-{{ .component }}
  configMap:
    name: {{ include "busyhour.fullname" .root }}-{{ .component }}
{{- end }}
{{- end -}}

{{- define "busyhour.mounts" -}}
{{- include "busyhour.mountsOf" (include "busyhour.secrets" .root | fromYamlArray) }}
{{- if .root.Values.auth.jwks.existingConfigMap }}
- name: jwks
  mountPath: /etc/busyhour/jwks
  readOnly: true
{{- end }}
{{- if include "busyhour.config" . }}
- name: config-{{ .component }}
  mountPath: /etc/busyhour/config
  readOnly: true
{{- end }}
{{- end -}}
