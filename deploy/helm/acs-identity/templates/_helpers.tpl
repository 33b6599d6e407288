{{- define "acs-identity.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{/* Of all objects: the release, with the name of the chart unless the release has it already. */}}
{{- define "acs-identity.fullname" -}}
{{- $name := include "acs-identity.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "acs-identity.selectorLabels" -}}
app.kubernetes.io/name: {{ include "acs-identity.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: api
{{- end -}}

{{- define "acs-identity.labels" -}}
app.kubernetes.io/name: {{ include "acs-identity.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "acs-identity.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "acs-identity.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "acs-identity.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "acs-identity.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "acs-identity.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* A setting as text: numbers without an exponent, which neither the service nor YAML would read as written. */}}
{{- define "acs-identity.setting" -}}
{{- $text := toString . -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- $text = printf "%d" (int64 .) -}}
{{- else if and (kindIs "float64" .) (contains "e" $text) -}}
{{- $text = regexReplaceAll "0+$" (printf "%.15f" .) "" -}}
{{- end -}}
{{- $text | quote -}}
{{- end -}}

{{/*
TCP ports that a replica connects to: egressPorts, and those of the addresses in the settings. The left-out ones
name who calls the service.
*/}}
{{- define "acs-identity.egressPorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.egressPorts }}{{ $ports = append $ports (int .) }}{{ end -}}
{{- $ofSchemes := dict "http" 80 "https" 443 "postgres" 5432 "postgresql" 5432 -}}
{{- range $name, $value := omit .Values.settings "ALLOWED_ORIGINS" "ENTRA_AUDIENCE" -}}
{{- $text := toString $value -}}
{{- if and (has $name (list "HTTPS_PROXY" "HTTP_PROXY" "ALL_PROXY")) (not (contains "://" $text)) -}}
{{- $text = printf "http://%s" $text -}}
{{- end -}}
{{- range regexFindAll "(?i)https?://[^/?#\\s\",]+" $text -1 -}}
{{- $ofScheme := get $ofSchemes (splitList ":" . | first | lower) -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default $ofScheme | int) -}}
{{- end -}}
{{- range regexFindAll "(?i)postgres(ql)?://[^/?#\\s\"]+" $text -1 -}}
{{- range regexFind "[^@/]*$" . | splitList "," -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "5432" | int) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "(?i)postgres(ql)?://" $text -}}
{{- range regexFindAll "[?&]port=[0-9,]+" $text -1 -}}
{{- range regexFind "[0-9,]+$" . | splitList "," }}{{ $ports = append $ports (int .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end -}}

{{/* Fails when a value has a name of the chart: of two in one object, one would be lost without a message. */}}
{{- define "acs-identity.assertNamesAreFree" -}}
{{- range $name, $_ := .given -}}
{{- if has $name $.taken -}}
{{- fail (printf "%s in %s is set already, by the chart or in secretSettings" $name $.where) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of what Kubernetes would refuse, or not scale, after the migration. */}}
{{- define "acs-identity.assertScaling" -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.maxReplicas is less than autoscaling.minReplicas" -}}
{{- end -}}
{{- if not (or (dig "requests" "cpu" "" .Values.resources) (dig "limits" "cpu" "" .Values.resources)) -}}
{{- fail "autoscaling needs resources.requests.cpu, of which targetCPUUtilizationPercentage is a share" -}}
{{- end -}}
{{- end -}}

{{- define "acs-identity.assertValues" -}}
{{- if .Values.autoscaling.enabled }}{{ include "acs-identity.assertScaling" . }}{{ end -}}
{{- $values := .Values -}}
{{- $labels := keys (include "acs-identity.selectorLabels" . | fromYaml) -}}
{{- $ofIdentity := list -}}
{{- $ofAccount := list -}}
{{- $volumes := list "tmp" -}}
{{- $folders := list "/tmp" -}}
{{- if $values.workloadIdentity.enabled -}}
{{- $labels = append $labels "azure.workload.identity/use" -}}
{{- $ofIdentity = list "AZURE_CREDENTIAL" "AZURE_CLIENT_ID" -}}
{{- $ofAccount = list "azure.workload.identity/client-id" -}}
{{- end -}}
{{- if $values.policy -}}
{{- $volumes = append $volumes "policy" -}}
{{- $folders = append $folders "/etc/acs-identity" -}}
{{- end -}}
{{- $ofMigration := concat $ofIdentity (list "DATABASE_OWNER_URL" "DATABASE_SERVICE_ROLE") -}}
{{- $named := dict -}}
{{- range $values.volumes }}{{ $_ := set $named (toString .name) true }}{{ end -}}
{{- $mounted := dict -}}
{{- range $values.volumeMounts }}{{ $_ := set $mounted (trimSuffix "/" (toString .mountPath)) true }}{{ end -}}
{{- range list
  (dict "where" "settings" "given" $values.settings "taken" (concat $ofIdentity (keys $values.secretSettings)))
  (dict "where" "secretSettings" "given" $values.secretSettings "taken" $ofIdentity)
  (dict "where" "migration.settings" "given" $values.migration.settings "taken" $ofMigration)
  (dict "where" "podLabels" "given" $values.podLabels "taken" $labels)
  (dict "where" "podAnnotations" "given" $values.podAnnotations "taken" (list "checksum/settings"))
  (dict "where" "serviceAccount.annotations" "given" $values.serviceAccount.annotations "taken" $ofAccount)
  (dict "where" "serviceMonitor.labels" "given" $values.serviceMonitor.labels "taken" (keys (include "acs-identity.labels" . | fromYaml)))
  (dict "where" "volumes" "given" $named "taken" $volumes)
  (dict "where" "volumeMounts" "given" $mounted "taken" $folders)
-}}
{{- include "acs-identity.assertNamesAreFree" . -}}
{{- end -}}
{{- end -}}
