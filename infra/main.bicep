// The service in Azure: azd provisions this after hooks/preprovision.sh has built the image.
targetScope = 'subscription'

@description('Name of the azd environment, part of every name.')
@minLength(1)
@maxLength(16)
param environmentName string

param location string
param resourceGroupName string

@description('Where the api runs.')
@allowed(['container-app', 'app-service', 'functions'])
param host string = 'container-app'

@description('Whether PostgreSQL and Key Vault are reached by private endpoints only.')
param isPrivate bool = false

@description('Whether hooks/postprovision.sh has made secrets, database and schema, without which no replica gets ready.')
param isPrepared bool = false

@description('Image with its tag, from hooks/preprovision.sh.')
param image string

param registryName string

@description('The tenant of callers, and the client id of the app registration of the API.')
param entraTenantId string

param entraAudience string

@description('Name of the audit log: a host name and a path without a scheme. It never changes.')
param auditLogOrigin string

@description('Where ACS stores data, such as Europe or United States.')
param dataLocation string = 'Europe'

@description('Who deploys: becomes the Entra administrator of PostgreSQL and may write secrets.')
param principalId string

param principalName string

@allowed(['User', 'ServicePrincipal'])
param principalType string = 'User'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: { 'azd-env-name': environmentName }
}

module service 'service.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    host: host
    isPrivate: isPrivate
    isPrepared: isPrepared
    image: image
    registryName: registryName
    entraTenantId: entraTenantId
    entraAudience: entraAudience
    auditLogOrigin: auditLogOrigin
    dataLocation: dataLocation
    principalId: principalId
    principalName: principalName
    principalType: principalType
  }
}

output SERVICE_URL string = service.outputs.url
output SERVICE_NAME string = service.outputs.appName
output KEY_VAULT_NAME string = service.outputs.vaultName
output DATABASE_HOST string = service.outputs.databaseHost
output SERVICE_ROLE string = service.outputs.serviceRole
output MIGRATION_ROLE string = service.outputs.migrationRole
output MIGRATION_JOB string = service.outputs.jobName
