// With isPrivate: the network of the hosts and of the private endpoints of PostgreSQL and Key Vault.
param name string
param location string
param tags object

module network 'br/public:avm/res/network/virtual-network:0.10.1' = {
  params: {
    name: '${name}-network'
    location: location
    tags: tags
    addressPrefixes: ['10.42.0.0/16']
    subnets: [
      { name: 'containers', addressPrefix: '10.42.0.0/23', delegation: 'Microsoft.App/environments' }
      { name: 'sites', addressPrefix: '10.42.2.0/24', delegation: 'Microsoft.Web/serverFarms' }
      { name: 'endpoints', addressPrefix: '10.42.3.0/24', privateEndpointNetworkPolicies: 'Enabled' }
    ]
  }
}

module databaseZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  params: {
    name: 'privatelink.postgres.database.azure.com'
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

module vaultZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  params: {
    name: 'privatelink.vaultcore.azure.net'
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

output containersSubnetId string = network.outputs.subnetResourceIds[0]
output sitesSubnetId string = network.outputs.subnetResourceIds[1]
output endpointsSubnetId string = network.outputs.subnetResourceIds[2]
output databaseZoneId string = databaseZone.outputs.resourceId
output vaultZoneId string = vaultZone.outputs.resourceId
