from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("releases", "0003_expand_default_name")]
    operations = [migrations.RemoveField("Badge", "name")]
