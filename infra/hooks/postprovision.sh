#!/bin/sh
# After azd has provisioned: secrets, database and roles if they are missing, the migration, and the package of a
# function app. Safe to repeat. With private endpoints, run azd from a machine in their network.
set -eu

# A new role assignment takes minutes to count. Any other fault ends here, before a secret is written.
attempt=0
until secrets=$(az keyvault secret list --vault-name "$KEY_VAULT_NAME" --query '[].name' --output tsv); do
  attempt=$((attempt + 1))
  [ "$attempt" -lt 20 ] || exit 1
  sleep "${RETRY_SECONDS:-15}"
done
# Never replaces one: the signing key is the identity of the log.
create_secret() {
  if printf '%s\n' "$secrets" | grep -qx "$1"; then return; fi
  az keyvault secret set --vault-name "$KEY_VAULT_NAME" --name "$1" --file /dev/stdin --encoding utf-8 --output none
}
openssl genpkey -algorithm ed25519 | create_secret audit-signing-key
printf %s "$(openssl rand -base64 32)" | create_secret audit-fingerprint-key

server=${DATABASE_HOST%%.*}
if [ "${PRIVATE_ENDPOINTS:-false}" != true ]; then
  address=$DEPLOYER_ADDRESS
  az postgres flexible-server firewall-rule create --resource-group "$AZURE_RESOURCE_GROUP" --server-name "$server" \
    --name deployment --start-ip-address "$address" --end-ip-address "$address" --output none
  trap 'az postgres flexible-server firewall-rule delete --resource-group "$AZURE_RESOURCE_GROUP" --server-name "$server" --name deployment --yes --output none' EXIT
fi
PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv)
export PGPASSWORD PGHOST="$DATABASE_HOST" PGUSER="$AZURE_PRINCIPAL_NAME" PGSSLMODE=verify-full PGSSLROOTCERT=system
psql --dbname postgres --set ON_ERROR_STOP=1 --set service="$SERVICE_ROLE" --set migration="$MIGRATION_ROLE" \
  --file infra/hooks/roles.sql
psql --dbname identity --set ON_ERROR_STOP=1 --set migration="$MIGRATION_ROLE" --file infra/hooks/owner.sql
sh infra/hooks/migrate.sh
azd env set SERVICE_PREPARED true

if [ "${SERVICE_HOST:-container-app}" = functions ]; then
  package=$(mktemp -d)
  npm run -s package:functions -- "$package/app"
  (cd "$package/app" && zip -qry ../app.zip .)
  az functionapp deployment source config-zip --name "$SERVICE_NAME" --resource-group "$AZURE_RESOURCE_GROUP" --src "$package/app.zip" --output none
  rm -r "$package"
fi

if [ "${SERVICE_HOST:-container-app}" = container-app ] && [ "${SERVICE_PREPARED:-false}" != true ]; then
  echo 'Secrets, database and schema are there. Run azd up again: it creates the service.'
else
  echo "The service is at $SERVICE_URL. Check it: curl $SERVICE_URL/health/ready"
fi
