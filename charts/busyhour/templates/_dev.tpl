{{/* A server to try Busyhour with: (dict "root" $ "server" "redis" "user" 999 "ports" (dict "redis" 6379) "data" "/data" …). */}}
{{- define "busyhour.devServer" }}
{{- $part := dict "root" .root "component" .server }}
{{- $name := printf "%s-%s" (include "busyhour.fullname" .root) .server }}
{{- $storage := .root.Values.dev.storage }}
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "busyhour.labels" $part | nindent 4 }}
spec:
  # Headless, and before it is ready: Kafka is to find itself under the name that it gives its clients.
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "busyhour.selector" $part | nindent 4 }}
  ports:
    - {name: {{ .server }}, port: {{ .port }}, targetPort: {{ .server }}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "busyhour.labels" $part | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ $name }}
  selector:
    matchLabels: {{- include "busyhour.selector" $part | nindent 6 }}
  {{- if and .data $storage.enabled }}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $storage.className }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources: {requests: {storage: {{ $storage.size }}}}
  {{- end }}
  template:
    metadata:
      labels: {{- include "busyhour.podLabels" $part | nindent 8 }}
    spec:
      {{- include "busyhour.pullSecrets" .root | nindent 6 }}
      automountServiceAccountToken: false
      enableServiceLinks: false # KAFKA_PORT and the like would be taken for settings
      terminationGracePeriodSeconds: 60
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: {{ .server }}
          image: {{ .values.image | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          {{- with .args }}
          args: {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .env }}
          env:
            {{- range $key, $value := . }}
            - {name: {{ $key }}, value: {{ $value | quote }}}
            {{- end }}
          {{- end }}
          ports:
            - {name: {{ .server }}, containerPort: {{ .port }}}
          startupProbe:
            tcpSocket: {port: {{ .server }}}
            periodSeconds: 2
            failureThreshold: 60
          readinessProbe:
            tcpSocket: {port: {{ .server }}}
            periodSeconds: 5
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: {{ .readOnly }}
            capabilities: {drop: [ALL]}
          {{- with .data }}
          volumeMounts:
            - {name: data, mountPath: {{ . }}}
          {{- end }}
      {{- if and .data (not $storage.enabled) }}
      volumes:
        - {name: data, emptyDir: {}}
      {{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "busyhour.labels" $part | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "busyhour.selector" $part | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end }}
{{- end -}}
