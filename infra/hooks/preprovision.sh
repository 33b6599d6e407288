#!/bin/sh
# Before azd provisions: the registry, the image of this source, and on an upgrade the migration.
set -eu

: "${ENTRA_TENANT_ID:?azd env set ENTRA_TENANT_ID <directory id>}"
: "${ENTRA_AUDIENCE:?azd env set ENTRA_AUDIENCE <client id of the API>}"
: "${AUDIT_LOG_ORIGIN:?azd env set AUDIT_LOG_ORIGIN <host name/path, such as identity.contoso.com/audit>}"
# Of hooks/postprovision.sh, whose needs would show after the provisioning only.
if [ "${PRIVATE_ENDPOINTS:-false}" != true ]; then
  : "${DEPLOYER_ADDRESS:?azd env set DEPLOYER_ADDRESS <the public address that you call from>}"
fi
for program in psql openssl; do
  command -v "$program" >/dev/null || { echo "$program is needed: docs/deploying-to-azure.md" >&2; exit 1; }
done
# Rules of the firewall have other arguments before it.
minimum=2.86.0
version=$(az version --query '"azure-cli"' --output tsv)
if [ "$(printf '%s\n' "$minimum" "${version:-0}" | sort -V | head -n 1)" != "$minimum" ]; then
  echo "az $minimum or later is needed, and this is ${version:-unknown}: az upgrade" >&2
  exit 1
fi
# At each run: azd sets AZURE_PRINCIPAL_ID to who deploys now, and the two belong together.
name=${DEPLOYER_NAME:-$(az ad signed-in-user show --query userPrincipalName --output tsv)}

group=${AZURE_RESOURCE_GROUP:-rg-acs-identity-$AZURE_ENV_NAME}
az group create --name "$group" --location "$AZURE_LOCATION" --output none
# Unique in Azure, and the same at each run
registry=acsidentity$(az group show --name "$group" --query id --output tsv | sha256sum | cut -c1-12)
az deployment group create --resource-group "$group" --name registry --output none \
  --template-file infra/registry.bicep --parameters name="$registry"

tag=$(git rev-parse --short=12 HEAD)
image=$registry.azurecr.io/acs-identity:$tag
az acr build --registry "$registry" --image "acs-identity:$tag" --target production . >&2

azd env set AZURE_RESOURCE_GROUP "$group"
azd env set REGISTRY_NAME "$registry"
azd env set SERVICE_IMAGE "$image"
azd env set AZURE_PRINCIPAL_NAME "$name"

# The schema before the release that needs it; the release before it serves meanwhile.
if [ "${SERVICE_PREPARED:-false}" = true ]; then
  az containerapp job update --name "$MIGRATION_JOB" --resource-group "$group" --image "$image" --output none
  AZURE_RESOURCE_GROUP=$group sh infra/hooks/migrate.sh
fi
