// The immutable id of an ACS resource, which precedes the ids of its identities.
param name string

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' existing = {
  name: name
}

output immutableId string = communication.properties.immutableResourceId
