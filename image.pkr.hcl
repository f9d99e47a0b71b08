# Bakes an AMI that provision.sh has been run on, so that stacks launched with it need not wait.
#
#   packer build image.pkr.hcl                                            on AWS
#   packer build -var endpoint=http://127.0.0.1:4599 image.pkr.hcl        beside `harness cloud`

variable "endpoint" {
  type        = string
  default     = ""
  description = "EC2 endpoint; empty for AWS's own."
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "name" {
  type    = string
  default = "lein"
}

locals {
  stamp = formatdate("YYYYMMDDhhmmss", timestamp())
}

source "amazon-ebs" "ubuntu" {
  custom_endpoint_ec2 = var.endpoint
  region              = var.region
  ami_name            = "${var.name}-${local.stamp}"
  instance_type       = "t3.micro"
  ssh_username        = "ubuntu"

  # The key is for the build alone: what is baked lets nobody in.
  ssh_clear_authorized_keys = true

  source_ami_filter {
    filters = {
      name                = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = ["099720109477"] # Canonical
    most_recent = true
  }

  tags = {
    Name   = var.name
    Source = "{{ .SourceAMIName }}"
  }
}

build {
  sources = ["source.amazon-ebs.ubuntu"]

  provisioner "shell" {
    inline = ["cloud-init status --wait"]
  }

  provisioner "shell" {
    script          = "${path.root}/provision.sh"
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }}"
  }
}
