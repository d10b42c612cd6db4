{{/* What the schema cannot see, refused with the reason. */}}
{{- define "busyhour.checks" -}}
{{- include "busyhour.required" . -}}
{{- include "busyhour.grown" . -}}
{{- range $key := list "callRouting" "agentPresence" "provisioning" -}}
{{- include "busyhour.fits" (dict "root" $ "key" $key "service" (index $.Values $key)) -}}
{{- end -}}
{{- end -}}

{{- define "busyhour.required" -}}
{{- if not (include "busyhour.brokers" .) -}}
{{- fail "kafka.brokers: name the brokers of your Kafka, host:port; or set dev.enabled to get servers to try Busyhour with" -}}
{{- end -}}
{{- if not (include "busyhour.redis" .) -}}
{{- fail "redis.addresses: name your Redis, host:port" -}}
{{- end -}}
{{- if not (include "busyhour.nats" .) -}}
{{- fail "nats.urls: name your NATS servers, nats://host:port" -}}
{{- end -}}
{{- $a := .Values.auth -}}
{{- $tokens := or $a.issuer $a.jwks.url $a.jwks.existingConfigMap -}}
{{- if not (or $tokens (include "busyhour.anonymous" .)) -}}
{{- fail "auth.issuer: name who issues the tokens of agents and services (or auth.jwks); on a network that you trust, auth.anonymous=true lets everybody do everything" -}}
{{- end -}}
{{- if and $tokens (not $a.audience) -}}
{{- fail "auth.audience: name the audience that a token must have been made for; else tokens of every other application of the issuer are good here" -}}
{{- end -}}
{{- with .Values.kafka.sasl -}}
{{- if and .mechanism (not .existingSecret) -}}
{{- fail (printf "kafka.sasl.existingSecret: %s needs a secret, with the key %s" .mechanism (ternary "client-secret" "password" (eq .mechanism "oauthbearer"))) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.redis.sentinel.password (not .Values.redis.existingSecret) -}}
{{- fail "redis.sentinel.password: it is read from redis.existingSecret, which is not set" -}}
{{- end -}}
{{- if and .Values.peers.token.url (not .Values.peers.token.existingSecret) -}}
{{- fail "peers.token.existingSecret: name the secret with the key client-secret, which peers.token.url is asked with" -}}
{{- end -}}
{{- if and (or .Values.tls.clientCA .Values.tls.ops) (not .Values.tls.existingSecret) -}}
{{- fail "tls.existingSecret: tls.clientCA and tls.ops need a certificate of our own, too" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.networkPolicy.enabled (not .Values.networkPolicy.from.ops) -}}
{{- fail "networkPolicy.from.ops: say where Prometheus is, for instance [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]; else the policy keeps it out" -}}
{{- end -}}
{{- if and .Values.priorityClass.create (not .Values.priorityClass.name) -}}
{{- fail "priorityClass.name: a class to be created needs a name" -}}
{{- end -}}
{{- end -}}

{{/* A consumer group gives each partition to one member: pods beyond the smallest topic have nothing to consume. */}}
{{- define "busyhour.fits" -}}
{{- $s := .service -}}
{{- $scaled := ne $s.autoscaling.mode "none" -}}
{{- $most := ternary $s.autoscaling.maxReplicas $s.replicas $scaled | int -}}
{{- $value := printf "%s.%s" .key (ternary "autoscaling.maxReplicas" "replicas" $scaled) -}}
{{- if and $scaled (gt (int $s.autoscaling.minReplicas) $most) -}}
{{- fail (printf "%s.autoscaling.minReplicas: %d is more than maxReplicas, %d" .key (int $s.autoscaling.minReplicas) $most) -}}
{{- end -}}
{{- with $s.autoscaling -}}
{{- if and (eq .mode "hpa") (not (or .cpuPercent .podMetric.name)) -}}
{{- fail (printf "%s.autoscaling: hpa has nothing to go by; set cpuPercent or podMetric" $.key) -}}
{{- end -}}
{{- if and (eq .mode "keda") (not (or .cpuPercent .keda.prometheus.address .keda.lag)) -}}
{{- fail (printf "%s.autoscaling: keda has nothing to go by; set cpuPercent, keda.prometheus or keda.lag" $.key) -}}
{{- end -}}
{{- end -}}
{{- range $topic := .root.Files.Get "files/topics.json" | fromJsonArray -}}
{{- $n := get $.root.Values.topics.partitions $topic.topic | default $topic.partitions | int -}}
{{- range $group := $topic.groups -}}
{{- if and (hasPrefix (printf "%s." (kebabcase $.key)) $group) (gt $most $n) -}}
{{- fail (printf "%s: %d pods, but topic %s has %d partitions, and each is read by one member of the group %s: the pods beyond would have nothing to consume. Ask for at most %d, or let the topic grow (busyhour topics grow) and say so in topics.partitions" $value $most $topic.topic $n $group $n) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "busyhour.grown" -}}
{{- range $topic, $n := .Values.topics.partitions -}}
{{- $known := false -}}
{{- range $.Files.Get "files/topics.json" | fromJsonArray -}}
{{- if eq .topic $topic -}}
{{- $known = true -}}
{{- if lt (int $n) (int .partitions) -}}
{{- fail (printf "topics.partitions: %s has %d partitions from the start; a topic never shrinks" $topic (int .partitions)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $known -}}
{{- fail (printf "topics.partitions: %s is no topic of the plan; busyhour topics plan lists them" $topic) -}}
{{- end -}}
{{- end -}}
{{- end -}}
