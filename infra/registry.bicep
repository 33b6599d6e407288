// The registry of the image, deployed by hooks/preprovision.sh before everything else.
param name string
param location string = resourceGroup().location

module registry 'br/public:avm/res/container-registry/registry:0.12.1' = {
  params: {
    name: name
    location: location
    acrSku: 'Standard'
    acrAdminUserEnabled: false
    publicNetworkAccess: 'Enabled'
    networkRuleSetDefaultAction: 'Allow'
    exportPolicyStatus: 'enabled'
    retentionPolicyStatus: 'disabled'
    zoneRedundancy: 'Disabled'
  }
}

output loginServer string = registry.outputs.loginServer
