"""The resource types of Personalize in CloudFormation, without CloudFormation itself (edge/moto_adapter/services)."""
