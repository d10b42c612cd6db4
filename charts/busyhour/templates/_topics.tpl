{{/* The container that brings Kafka to the topic plan: it makes what is missing, and changes nothing that is there. */}}
{{- define "busyhour.topicsContainer" }}
name: topics
image: {{ include "busyhour.image" (dict "root" . "image" .Values.topics.image) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - topics
  - apply
  - --kafka.brokers={{ include "busyhour.brokers" . }}
  - --kafka.version={{ .Values.kafka.version }}
  - --replication-factor={{ include "busyhour.replicationFactor" . }}
  - --wait=5m
env:
  {{- range $name, $value := include "busyhour.kafkaEnv" . | fromYaml }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
{{- with .Values.topics.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "busyhour.containerSecurity" . | nindent 2 }}
volumeMounts: {{- include "busyhour.mountsOf" (include "busyhour.kafkaSecrets" . | fromYamlArray) | nindent 2 }}
{{- end -}}

{{/* The Kafka of dev is one broker. */}}
{{- define "busyhour.replicationFactor" -}}
{{- ternary 1 .Values.topics.replicationFactor (ne (include "busyhour.dev" (dict "root" . "server" "kafka")) "") -}}
{{- end -}}
