"""The only place that reaches into moto's internals.

moto keeps the EC2 models (its API is what clients speak), but it makes every instance run at once
and gives it random addresses, some of which are real ones on the Internet. What is needed from
inside:

* a new instance gets addresses of the local cloud, and the public name that goes with them;
* an instance's state is what its guest's state is, and no API of moto's sets one;
* a guest needs its instance's user data, public key and security groups in one consistent look;
* an Auto Scaling group's instances are launched elsewhere, with all that the group says of them;
* a bucket policy's statement with a condition that moto cannot judge must not refuse everything.

:data:`lock` is held around every request to moto that may change instances, so that nobody sees the
state that moto would have given them.

moto's models are typed in part, must be imported after :func:`load` has set them up, and keep the
state that is wanted in private attributes: so Any, imports within functions, and private access.
"""

from harness.cloud.moto_ec2.account import (
    ACCOUNT_ID,
    lock,
)
from harness.cloud.moto_ec2.existing import (
    group_id_of,
    group_name_of,
    has_instance_profile,
    has_instance_type,
    has_key_pair,
    has_launch_template,
    image_id_of,
    is_group_in_use,
)
from harness.cloud.moto_ec2.instance_models import (
    InstanceModel,
    find,
    instances,
    interfaces_in_use,
    stack_of,
)
from harness.cloud.moto_ec2.launches import (
    group_sizes,
    take_launches,
)
from harness.cloud.moto_ec2.loading import (
    adopt_addresses,
    application,
    load,
)
from harness.cloud.moto_ec2.network_models import (
    InterfaceModel,
    SubnetModel,
    find_interface,
    find_subnet,
    ipv6_blocks,
    ipv6_in_use,
    overlaps,
)

__all__ = [
    "ACCOUNT_ID",
    "InstanceModel",
    "InterfaceModel",
    "SubnetModel",
    "adopt_addresses",
    "application",
    "find",
    "find_interface",
    "find_subnet",
    "group_id_of",
    "group_name_of",
    "group_sizes",
    "has_instance_profile",
    "has_instance_type",
    "has_key_pair",
    "has_launch_template",
    "image_id_of",
    "instances",
    "interfaces_in_use",
    "ipv6_blocks",
    "ipv6_in_use",
    "is_group_in_use",
    "load",
    "lock",
    "overlaps",
    "stack_of",
    "take_launches",
]
