#!/bin/sh
# Runs the migration job and waits for its end. Safe to repeat.
set -eu

execution=$(az containerapp job start --name "$MIGRATION_JOB" --resource-group "$AZURE_RESOURCE_GROUP" --query name --output tsv)
while true; do
  status=$(az containerapp job execution show --name "$MIGRATION_JOB" --resource-group "$AZURE_RESOURCE_GROUP" \
    --job-execution-name "$execution" --query properties.status --output tsv)
  case $status in
    Succeeded) exit 0 ;;
    Failed | Degraded | Stopped)
      echo "The migration ended with $status: az containerapp job logs show --name $MIGRATION_JOB --resource-group $AZURE_RESOURCE_GROUP --execution $execution --container migrate" >&2
      exit 1
      ;;
  esac
  sleep 5
done
