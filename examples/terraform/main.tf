# Bucket, data, role and a stack with the resources of Personalize, for which the AWS provider has no types of its own.
terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "endpoint" {
  description = "URL of the emulator; null for AWS"
  type        = string
  default     = null
}

variable "name" {
  type    = string
  default = "tf-films"
}

locals {
  emulated = var.endpoint != null
}

provider "aws" {
  region = "us-east-1"

  # Keys and checks that only AWS needs are left out for the emulator.
  access_key                  = local.emulated ? "emulator" : null
  secret_key                  = local.emulated ? "emulator" : null
  skip_credentials_validation = local.emulated
  skip_metadata_api_check     = local.emulated
  skip_requesting_account_id  = local.emulated
  s3_use_path_style           = local.emulated

  endpoints {
    cloudformation = var.endpoint
    iam            = var.endpoint
    s3             = var.endpoint
    sts            = var.endpoint
  }
}

resource "aws_s3_bucket" "data" {
  bucket        = "${var.name}-data"
  force_destroy = true
}

resource "aws_s3_bucket_policy" "data" {
  bucket = aws_s3_bucket.data.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "personalize.amazonaws.com" }
      Action    = ["s3:GetObject", "s3:ListBucket"]
      Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
    }]
  })
}

resource "aws_s3_object" "interactions" {
  bucket = aws_s3_bucket.data.id
  key    = "interactions.csv"
  content = join("\n", concat(["USER_ID,ITEM_ID,TIMESTAMP"], [
    for n in range(1020) : "u${n % 60},i${n % 7 + n % 3},${1700000000 + n}"
  ]))
}

resource "aws_iam_role" "importer" {
  name = "${var.name}-importer"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "personalize.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "importer" {
  role = aws_iam_role.importer.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:ListBucket"]
      Resource = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
    }]
  })
}

resource "aws_cloudformation_stack" "films" {
  name          = var.name
  template_body = file("${path.module}/personalize.yaml")
  parameters = {
    Name    = var.name
    Data    = "s3://${aws_s3_bucket.data.id}/${aws_s3_object.interactions.key}"
    RoleArn = aws_iam_role.importer.arn
  }
  depends_on = [aws_s3_bucket_policy.data, aws_iam_role_policy.importer]
}

output "solution_arn" {
  value = aws_cloudformation_stack.films.outputs["SolutionArn"]
}

output "tracking_id" {
  value = aws_cloudformation_stack.films.outputs["TrackingId"]
}
